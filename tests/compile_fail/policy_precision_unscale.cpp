// expect: hone: a precision policy that scales the loss needs `void unscale(at::TensorList gradients)` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The loss is scaled and the gradients are not unscaled.
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
  at::Tensor scale(const at::Tensor& loss) const { return loss; }
  void update(auto& optimizer) { optimizer.step(); }
#ifdef FIXED
  void unscale(at::TensorList) const {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
