// expect: hone: a heap policy needs `over_run() const` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The function has another name.
#include "hone/core/compatibility.hpp"
#include "hone/policies/heap.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Heap;
#ifdef FIXED
  static hone::NoScope over_run() { return {}; }
#else
  static hone::NoScope over_runs() { return {}; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
