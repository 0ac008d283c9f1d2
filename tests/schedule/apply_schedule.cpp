// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/schedule/apply_schedule.hpp`.
#include "hone/schedule/apply_schedule.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "hone/schedule/constant.hpp"
#include "hone/schedule/linear.hpp"
#include "hone/schedule/one_cycle.hpp"
#include "hone/schedule/per_group.hpp"
#include "reference_values.hpp"
#include "support/catch.hpp"

namespace fields = hone::fields;
using hone::apply_schedule;
using hone::ConstantLr;
using hone::LinearLr;
using hone::OneCycleLr;
using hone::OneCycleMomentum;
using hone::Schedules;

namespace {

struct Settings {
  double lr = 0.1;
  double momentum = 0.0;
  double weight_decay = 0.0;
  bool nesterov = false;
};

struct Group {
  Settings settings;
  Settings base;
  explicit Group(const Settings& given) : settings(given), base(given) {}
  [[nodiscard]] const Settings& base_settings() const { return base; }
};

/// An optimizer with the interface of hone's optimizers.
struct Optimizer {
  std::vector<Group> list;
  [[nodiscard]] std::size_t num_groups() const { return list.size(); }
  [[nodiscard]] double base_lr(std::size_t i) const { return list[i].base.lr; }
  void set_lr(std::size_t i, double lr) { list[i].settings.lr = lr; }
  [[nodiscard]] std::vector<Group>& groups() { return list; }
};

/// An optimizer that provides only its learning rates.
struct Foreign {
  std::array<double, 2> lrs{};
  [[nodiscard]] static constexpr std::size_t num_groups() { return 2; }
  [[nodiscard]] static constexpr double base_lr(std::size_t i) { return i == 0 ? 0.5 : 0.25; }
  constexpr void set_lr(std::size_t i, double lr) { lrs[i] = lr; }
};

const LinearLr down = LinearLr{.total_updates = 4, .start_factor = 1.0, .end_factor = 0.0};

static_assert(hone::drives_lr<LinearLr> && hone::drives_lr<hone::PerGroup<LinearLr>>);
static_assert(!hone::drives_lr<hone::NoSchedule>);
static_assert(hone::drives_lr<decltype(fields::lr = LinearLr{})>);
static_assert(!hone::drives_lr<decltype(fields::momentum = LinearLr{})>);
static_assert(hone::drives_lr<decltype(Schedules{fields::momentum = LinearLr{}, fields::lr = LinearLr{}})>);
static_assert(!hone::drives_lr<decltype(Schedules{fields::momentum = LinearLr{}})>);

// `apply_schedule` can be evaluated at compile time.
static_assert([] {
  Foreign optimizer;
  apply_schedule(ConstantLr{.factor = 2.0}, optimizer, 3);
  return optimizer.lrs == std::array{1.0, 0.5};
}());

}  // namespace

TEST_CASE("apply_schedule computes the learning rate of each group from the group's base_lr") {
  Optimizer optimizer{{Group({.lr = 0.8, .momentum = 0.9}), Group({.lr = 0.4})}};
  apply_schedule(down, optimizer, 1);
  CHECK(optimizer.list[0].settings.lr == Approx(0.6).epsilon(1e-12));
  CHECK(optimizer.list[1].settings.lr == Approx(0.3).epsilon(1e-12));
  CHECK(optimizer.list[0].settings.momentum == 0.9);
  apply_schedule(down, optimizer, 0);
  CHECK(optimizer.list[0].settings.lr == 0.8);
}

TEST_CASE("apply_schedule with NoSchedule is a no-op") {
  Optimizer optimizer{{Group({.lr = 0.8})}};
  optimizer.set_lr(0, 0.1);
  apply_schedule(hone::NoSchedule{}, optimizer, 5);
  CHECK(optimizer.list[0].settings.lr == 0.1);
}

TEST_CASE("a schedule may depend on the parameter group") {
  Optimizer optimizer{{Group({.lr = 0.8}), Group({.lr = 0.8})}};
  apply_schedule(hone::PerGroup{ConstantLr{}, down}, optimizer, 2);
  CHECK(optimizer.list[0].settings.lr == 0.8);
  CHECK(optimizer.list[1].settings.lr == Approx(0.4).epsilon(1e-12));
  apply_schedule([](double base, std::int64_t update,
                    std::size_t group) { return base * static_cast<double>(update) * (group == 0 ? 1.0 : 10.0); },
                 optimizer, 3);
  CHECK(optimizer.list[1].settings.lr == Approx(24.0).epsilon(1e-12));
}

TEST_CASE("apply_schedule sets any setting of a group, one or several") {
  Optimizer optimizer{{Group({.lr = 0.8, .weight_decay = 0.1}), Group({.lr = 0.4, .weight_decay = 0.01})}};
  apply_schedule(fields::weight_decay = down, optimizer, 2);
  CHECK(optimizer.list[0].settings.weight_decay == Approx(0.05).epsilon(1e-12));
  CHECK(optimizer.list[1].settings.weight_decay == Approx(0.005).epsilon(1e-12));
  CHECK(optimizer.list[0].settings.lr == 0.8);

  apply_schedule(Schedules{fields::lr = down, fields::weight_decay = hone::PerGroup{ConstantLr{}, down}}, optimizer, 3);
  CHECK(optimizer.list[0].settings.lr == Approx(0.2).epsilon(1e-12));
  CHECK(optimizer.list[0].settings.weight_decay == 0.1);
  CHECK(optimizer.list[1].settings.weight_decay == Approx(0.0025).epsilon(1e-12));
}

TEST_CASE("OneCycleLr and OneCycleMomentum together match PyTorch's OneCycleLR") {
  Optimizer optimizer{{Group({.lr = 0.3, .momentum = 0.9})}};
  const auto schedule =
      Schedules{fields::lr = OneCycleLr{}, fields::momentum = OneCycleMomentum{}}.resolved({.num_updates = 20});
  for (std::size_t n = 0; n < 20; ++n) {
    apply_schedule(schedule, optimizer, static_cast<std::int64_t>(n));
    const auto& settings = optimizer.list[0].settings;
    CHECK(settings.lr == Approx(hone::reference::one_cycle_lr[n]).epsilon(1e-12).margin(0));
    CHECK(settings.momentum == Approx(hone::reference::one_cycle_momentum[n]).epsilon(1e-12).margin(0));
  }
}

TEST_CASE("apply_schedule accepts groups and base settings in place of an optimizer") {
  const std::vector<Settings> base{{.lr = 0.8, .momentum = 0.5}, {.lr = 0.4, .momentum = 0.25}};
  std::vector<Group> groups{Group(base[0]), Group(base[1])};
  apply_schedule(Schedules{fields::lr = down, fields::momentum = ConstantLr{.factor = 0.5}}, groups, base, 1);
  CHECK(groups[1].settings.lr == Approx(0.3).epsilon(1e-12));
  CHECK(groups[0].settings.momentum == 0.25);
  apply_schedule(down, groups, base, 4);
  CHECK(groups[0].settings.lr == 0.0);
}

TEST_CASE("apply_schedule sets the learning rates of an optimizer that has no groups()") {
  Foreign optimizer;
  apply_schedule(fields::lr = down, optimizer, 2);
  CHECK(optimizer.lrs == std::array{0.25, 0.125});
}
