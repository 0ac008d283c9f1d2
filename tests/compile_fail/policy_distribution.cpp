// expect: hone: a distribution policy needs `int world_size() const` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// One of two functions is missing.
#include "hone/core/compatibility.hpp"
#include "hone/policies/distribution.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Distribution;
  static int rank() { return 0; }
#ifdef FIXED
  static int world_size() { return 1; }
#else
  static int size() { return 1; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
