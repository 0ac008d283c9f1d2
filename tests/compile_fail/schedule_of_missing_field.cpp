// expect: hone: a schedule sets a field that is not a `double` in the settings of this optimizer. Use another field, or an optimizer that has it.
// SPDX-License-Identifier: Apache-2.0
/// A schedule of the weight decay with an optimizer that has no weight decay.
#include <vector>

#include "hone/schedule/apply_schedule.hpp"
#include "hone/schedule/constant.hpp"

struct Settings {
  double lr = 0.1;
  double momentum = 0.9;
};
struct Group {
  Settings settings;
};

#ifdef FIXED
constexpr auto schedule = hone::fields::momentum = hone::ConstantLr{};
#else
constexpr auto schedule = hone::fields::weight_decay = hone::ConstantLr{};
#endif

int main() {
  std::vector<Group> groups(1);
  const std::vector<Settings> base(1);
  hone::apply_schedule(schedule, groups, base, 0);
}
