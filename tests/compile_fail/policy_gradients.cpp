// expect: hone: a gradients policy needs `template <class Optimizer> static void clear(Optimizer& optimizer)` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The function is not static.
#include "hone/core/compatibility.hpp"
#include "hone/policies/gradients.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Gradients;
#ifdef FIXED
  static void clear(auto& optimizer) { optimizer.zero_grad(); }
#else
  void clear(auto& optimizer) { optimizer.zero_grad(); }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
