// expect: hone: an execution policy needs `auto run(compute, batch)` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The function has another name.
#include "hone/core/compatibility.hpp"
#include "hone/policies/execution.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Execution;
#ifdef FIXED
  static auto run(auto&& compute, auto& batch) { return compute(batch); }
#else
  static auto execute(auto&& compute, auto& batch) { return compute(batch); }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
