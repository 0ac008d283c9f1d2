// SPDX-License-Identifier: Apache-2.0
/// A schedule that multiplies the learning rate by `gamma` at given updates.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// Decay at milestones: `base_lr * gamma^k`, where k is the number of milestones at or before the update. A milestone
/// that is listed twice counts twice.
///
/// **Units** milestones: updates, in any order; at least one is required.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range.
/// **Source** `torch.optim.lr_scheduler.MultiStepLR`, whose milestones count calls of `step`, usually one per epoch.
/// **Example** `MultiStepLr{.milestones = {30 * run::num_updates_per_epoch, 60 * run::num_updates_per_epoch}}`
struct MultiStepLr {
  using slot = slots::Schedule;

  std::vector<Updates> milestones = {};
  double gamma = 0.1;

  constexpr double operator()(double base_lr, std::int64_t update) const {
    int reached = 0;
    for (const auto& milestone : milestones) reached += update >= milestone.count();
    return base_lr * std::pow(gamma, reached);
  }

  [[nodiscard]] constexpr MultiStepLr resolved(const RunLength& length) const {
    MultiStepLr result = *this;
    if (milestones.empty()) detail::reject_setting("MultiStepLr::milestones", "empty", "Add at least one.");
    for (auto& milestone : result.milestones) {
      milestone = milestone.resolved(length, "MultiStepLr::milestones");
      detail::require_at_least("MultiStepLr::milestones", milestone.count(), 0);
    }
    detail::require_not_negative("MultiStepLr::gamma", gamma);
    return result;
  }

  friend constexpr bool operator==(const MultiStepLr&, const MultiStepLr&) = default;
};
static_assert(ResolvableSchedule<MultiStepLr>);

}  // namespace hone
