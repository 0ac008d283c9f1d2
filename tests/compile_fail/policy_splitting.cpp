// expect: hone: a splitting policy needs `static constexpr bool splits_batches = true` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// One of two members is missing.
#include "hone/core/compatibility.hpp"
#include "hone/policies/splitting.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Splitting;
  static auto learn(auto& batch, const auto& forward, const auto&, const auto&) { return forward(batch); }
#ifdef FIXED
  static constexpr bool splits_batches = true;
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
