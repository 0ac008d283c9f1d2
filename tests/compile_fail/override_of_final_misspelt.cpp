// expect: hone: unknown override `zero_gard`. Did you mean `zero_grad`?
// SPDX-License-Identifier: Apache-2.0
/// A misspelled override in a final class.
#include "hone/core/compatibility.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own final {
  void optimizer_step(auto&) {}
#ifdef FIXED
  static void zero_grad(int&) {}
#else
  static void zero_gard(int&) {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
