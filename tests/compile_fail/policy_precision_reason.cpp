// expect: hone: a precision policy with `has_diverged` needs `std::string reason() const` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// One of two functions is missing.
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
  bool has_diverged() { return false; }
#ifdef FIXED
  std::string reason() const { return "no progress"; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
