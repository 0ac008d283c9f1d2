// expect: hone: a denormals policy needs `over_step() const` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// One of two functions is missing.
#include "hone/core/compatibility.hpp"
#include "hone/policies/denormals.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Denormals;
  static hone::NoScope over_run() { return {}; }
#ifdef FIXED
  static hone::NoScope over_step() { return {}; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
