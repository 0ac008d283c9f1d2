// expect: hone: this argument is not a policy: it has no member `slot`. In a schedule, for example, write `using slot = hone::slots::Schedule`.
// SPDX-License-Identifier: Apache-2.0
/// A lambda has no member `slot`. The field that it drives makes it a schedule.
#include <cstdint>
#include <type_traits>

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

constexpr auto halving = [](double base_lr, std::int64_t update) { return update > 100 ? base_lr / 2 : base_lr; };
#ifdef FIXED
using Schedule = decltype(hone::fields::lr = halving);
#else
using Schedule = std::remove_const_t<decltype(halving)>;
#endif

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Schedule>);
