// expect: hone: a schedule needs `double operator()(double base_lr, std::int64_t update) const` as a public member. Check its name, parameters and return type.
// SPDX-License-Identifier: Apache-2.0
/// The function has another return type.
#include <cstdint>

#include "hone/core/compatibility.hpp"
#include "hone/schedule/apply_schedule.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Schedule;
#ifdef FIXED
  double operator()(double base_lr, std::int64_t) const { return base_lr; }
#else
  float operator()(double base_lr, std::int64_t) const { return static_cast<float>(base_lr); }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
