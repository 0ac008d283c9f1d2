// expect: hone: a clipping policy needs `clip(at::TensorList gradients) const` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The function has another name.
#include "hone/core/compatibility.hpp"
#include "hone/policies/clipping.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Clipping;
#ifdef FIXED
  void clip(at::TensorList) const {}
#else
  void clip_gradients(at::TensorList) const {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
