// expect: hone: an accumulation policy needs `std::int64_t num_batches_per_update() const` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The function is not const.
#include "hone/core/compatibility.hpp"
#include "hone/policies/accumulation.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Accumulation;
#ifdef FIXED
  std::int64_t num_batches_per_update() const { return 2; }
#else
  std::int64_t num_batches_per_update() { return 2; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
