// expect: hone: a clipping policy with `clip_unread` needs `clip_unread(at::TensorList gradients) const`, and this one has no such public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An optional function with another signature.
#include "hone/core/composition.hpp"
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
  void clip_unread(at::TensorList) const {}
#else
  void clip_unread(double) const {}
#endif
};

static_assert(hone::checked_composition<Model, Loss, Optimizer, Own>);
