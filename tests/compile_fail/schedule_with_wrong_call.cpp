// expect: hone: this schedule cannot be called as `double operator()(double base_lr, std::int64_t update) const`.
// SPDX-License-Identifier: Apache-2.0
/// A schedule that returns a float.
#include <cstddef>
#include <cstdint>

#include "hone/schedule/apply_schedule.hpp"

struct Optimizer {
  static std::size_t num_groups() { return 1; }
  static double base_lr(std::size_t) { return 0.1; }
  void set_lr(std::size_t, double) {}
};

#ifdef FIXED
using Value = double;
#else
using Value = float;
#endif
struct Halving {
  using slot = hone::slots::Schedule;
  Value operator()(double base_lr, std::int64_t) const { return static_cast<Value>(base_lr) / 2; }
};

int main() {
  Optimizer optimizer;
  hone::apply_schedule(Halving{}, optimizer, 0);
}
