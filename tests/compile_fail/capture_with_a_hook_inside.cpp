// expect: hone: a callback listens to `on_before_optimizer_step`, which lies within a recorded step, where nothing of the host's happens. Listen to `on_optimizer_step`, or leave StepCapture out.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A hook that would run within a recorded step.
#include <tuple>

#include "hone/callbacks/callback_set.hpp"
#include "hone/step/capturable.hpp"

struct Trainer {};
struct Output {
  at::Tensor loss;
};
struct Watch {
#ifdef FIXED
  void on_optimizer_step(const auto&) {}
#else
  void on_before_optimizer_step(const auto&) {}
#endif
};

using Batch = std::tuple<at::Tensor, at::Tensor>;
static_assert(hone::detail::capturable<hone::CallbackSet<Watch>, Trainer, Batch, Output, false>);
