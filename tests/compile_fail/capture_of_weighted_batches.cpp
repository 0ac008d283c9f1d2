// expect: hone: batches that count by `num_items` cannot be accumulated, or shared among processes, in recorded steps, where each counts as it did when it was recorded. Leave GradAccum or Ddp, num_items or StepCapture out.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A loss with `num_items`, a number on the host, together with recording.
#include <tuple>

#include "hone/callbacks/callback_set.hpp"
#include "hone/step/capturable.hpp"

struct Trainer {};
struct Output {
  at::Tensor loss;
#ifndef FIXED
  double num_items;
#endif
};

using Batch = std::tuple<at::Tensor, at::Tensor>;
static_assert(hone::detail::capturable<hone::CallbackSet<>, Trainer, Batch, Output, true>);
