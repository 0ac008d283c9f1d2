// expect: hone: a threads policy needs `int threads_for(double multiplications, int available) const` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The function has another return type.
#include "hone/core/compatibility.hpp"
#include "hone/policies/threads.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Threads;
#ifdef FIXED
  static int threads_for(double, int) { return 1; }
#else
  static long threads_for(double, int) { return 1; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
