// expect: hone: a transfer policy needs `auto& over(batches, device)` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A parameter is missing.
#include "hone/core/compatibility.hpp"
#include "hone/policies/transfer.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Transfer;
#ifdef FIXED
  static auto& over(auto& batches, const auto&) { return batches; }
#else
  static auto& over(auto& batches) { return batches; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
