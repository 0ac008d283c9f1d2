// expect: hone: the model has no member `forward`. Write `torch::Tensor forward(torch::Tensor inputs)`.
// SPDX-License-Identifier: Apache-2.0
/// A model with a call operator and without `forward`.
#include "hone/callbacks/callback_set.hpp"
#include "hone/core/compatibility.hpp"

struct Model {
#ifdef FIXED
  int forward(int inputs) { return inputs; }
#else
  int operator()(int inputs) { return inputs; }
#endif
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer>);
