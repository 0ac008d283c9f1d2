// expect: hone: a precision policy needs `region(c10::Device device) const` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The function has another name.
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
#ifdef FIXED
  static hone::NoScope region(c10::Device) { return {}; }
#else
  static hone::NoScope regions(c10::Device) { return {}; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
