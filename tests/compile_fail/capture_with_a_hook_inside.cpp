// expect: hone: a callback has the hook `on_before_optimizer_step`, which is inside the captured step, where no host code runs. Use `on_optimizer_step`, or remove StepCapture.
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
