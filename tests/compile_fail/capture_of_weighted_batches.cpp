// expect: hone: StepCapture does not support batches with `num_items` together with GradAccum or Ddp: a captured step replays the weight that its batch had at capture. Remove GradAccum or Ddp, num_items, or StepCapture.
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
