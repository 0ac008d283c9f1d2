// expect: hone: unknown override `backwrad`. Did you mean `backward`?
// SPDX-License-Identifier: Apache-2.0
/// A misspelled override without a correct one.
#include "hone/core/compatibility.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
#ifdef FIXED
  void backward(auto&, auto&) {}
#else
  void backwrad(auto&, auto&) {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
