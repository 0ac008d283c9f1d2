// expect: hone: a schedule can set only the learning rate of this optimizer. Use a rule such as hone::Sgd or hone::AdamW to set another field.
// SPDX-License-Identifier: Apache-2.0
/// A schedule of the momentum with an optimizer that provides only learning rates.
#include <cstddef>

#include "hone/schedule/apply_schedule.hpp"
#include "hone/schedule/constant.hpp"

struct Optimizer {
  static std::size_t num_groups() { return 1; }
  static double base_lr(std::size_t) { return 0.1; }
  void set_lr(std::size_t, double) {}
};

#ifdef FIXED
constexpr auto schedule = hone::fields::lr = hone::ConstantLr{};
#else
constexpr auto schedule = hone::fields::momentum = hone::ConstantLr{};
#endif

int main() {
  Optimizer optimizer;
  hone::apply_schedule(schedule, optimizer, 0);
}
