// expect: hone: a clipping policy with `clip_without_sync` needs `clip_without_sync(at::TensorList gradients) const` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An optional function with another signature.
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
  void clip(at::TensorList) const {}
#ifdef FIXED
  void clip_without_sync(at::TensorList) const {}
#else
  void clip_without_sync(double) const {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
