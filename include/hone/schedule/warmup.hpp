// SPDX-License-Identifier: Apache-2.0
/// A linear warm-up before another schedule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "hone/schedule/constant.hpp"
#include "hone/schedule/schedule.hpp"

namespace hone {

/// A linear warm-up to the first value of `after`, then `after`, from its own update 0.
///
/// The warm-up starts at `start_lr`, or, if that is not set, at `start_factor` times the first value of `after`. For
/// `after`, `run::num_updates` is the number of updates after the warm-up. `after` may depend on the parameter group.
///
/// **Units** updates: updates; start_factor: from 0 to 1; start_lr: a learning rate.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range, or if the warm-up is not
/// shorter than the run.
/// **Source** `torch.optim.lr_scheduler.LinearLR`, then `after`, in a `SequentialLR`.
/// **Example** `Warmup{.updates = 500, .after = StepLr{.step_size = 1000}}`
template <AnySchedule S = ConstantLr>
struct Warmup {
  using slot = slots::Schedule;

  Updates updates = 0;
  double start_factor = 1.0 / 3.0;
  std::optional<double> start_lr = std::nullopt;
  S after = detail::default_schedule<S>();

  constexpr double operator()(double base_lr, std::int64_t update) const
    requires(!GroupSchedule<S>)
  {
    return value(base_lr, update, 0);
  }
  constexpr double operator()(double base_lr, std::int64_t update, std::size_t group) const
    requires GroupSchedule<S>
  {
    return value(base_lr, update, group);
  }

  [[nodiscard]] constexpr Warmup resolved(const RunLength& length) const {
    const auto warmup = updates.resolved(length, "Warmup::updates").count();
    detail::require_at_least("Warmup::updates", warmup, 0);
    detail::require_ratio("Warmup::start_factor", start_factor);
    if (start_lr) detail::require_not_negative("Warmup::start_lr", *start_lr);
    RunLength rest = length;
    if (length.num_updates) {
      if (warmup >= *length.num_updates) reject_length(warmup, *length.num_updates);
      rest.num_updates = *length.num_updates - warmup;
    }
    return {
        .updates = warmup, .start_factor = start_factor, .start_lr = start_lr, .after = resolve_schedule(after, rest)};
  }

  friend constexpr bool operator==(const Warmup&, const Warmup&) = default;

 private:
  constexpr double value(double base_lr, std::int64_t update, std::size_t group) const {
    const auto warmup = updates.count();
    if (update >= warmup) return detail::scheduled_value(after, base_lr, update - warmup, group);
    const double target = detail::scheduled_value(after, base_lr, 0, group);
    const double start = start_lr ? *start_lr : start_factor * target;
    return start + (target - start) * static_cast<double>(update) / static_cast<double>(warmup);
  }
  [[noreturn]] static void reject_length(std::int64_t warmup, std::int64_t num_updates) {
    throw std::invalid_argument("Warmup::updates (" + std::to_string(warmup) + ") leaves nothing of the run's " +
                                std::to_string(num_updates) + " updates. Shorten it, or train for longer.");
  }
};
static_assert(ResolvableSchedule<Warmup<>>);

}  // namespace hone
