// expect: hone: a precision policy that scales the loss needs `at::Tensor scale(const at::Tensor& loss)` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The gradients are unscaled and the loss is not scaled.
#include "hone/core/compatibility.hpp"
#include "hone/policies/precision.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Precision;
  static hone::NoScope region(c10::Device) { return {}; }
  void unscale(at::TensorList) const {}
  void update(auto& optimizer) { optimizer.step(); }
#ifdef FIXED
  at::Tensor scale(const at::Tensor& loss) const { return loss; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
