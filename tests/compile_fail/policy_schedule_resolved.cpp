// expect: hone: a schedule `S` with `resolved` needs `S resolved(const RunLength& length) const` as a public member. Check its name, parameters and return type.
// SPDX-License-Identifier: Apache-2.0
/// A parameter is missing.
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
  double operator()(double base_lr, std::int64_t) const { return base_lr; }
#ifdef FIXED
  Own resolved(const hone::RunLength&) const { return *this; }
#else
  Own resolved() const { return *this; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
