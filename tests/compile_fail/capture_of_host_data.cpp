// expect: hone: this batch has members that are not tensors, and a captured step replays the values that they had at capture. Make them tensors, or remove StepCapture.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A batch with a member that is not a tensor, which a replay would not update.
#include <tuple>

#include "hone/callbacks/callback_set.hpp"
#include "hone/step/capturable.hpp"

struct Trainer {};
struct Output {
  at::Tensor loss;
};

#ifdef FIXED
using Batch = std::tuple<at::Tensor, at::Tensor>;
#else
using Batch = std::tuple<at::Tensor, at::Tensor, double>;
#endif
static_assert(hone::detail::capturable<hone::CallbackSet<>, Trainer, Batch, Output, false>);
