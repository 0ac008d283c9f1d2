// SPDX-License-Identifier: Apache-2.0
/// A piecewise linear schedule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// The base value times a factor that is linear between points. The first point's factor applies before it, the last
/// point's factor after it. Two points at the same update define a jump: from that update on, the second one applies.
///
/// **Units** update: updates, in ascending order; factor: multiples of the base value, at least 0.
/// **Errors** `resolved` throws `std::invalid_argument` for points out of order and settings that are out of range.
/// **Source** linear interpolation, as in `numpy.interp`.
/// **Example** `PiecewiseLr{.points = {{0, 0.1}, {run::num_updates / 10, 1.0}, {run::num_updates, 0.0}}}`
struct PiecewiseLr {
  using slot = slots::Schedule;

  struct Point {
    Updates update = 0;
    double factor = 1.0;  ///< The factor from there on, linear to the next point.

    friend constexpr bool operator==(const Point&, const Point&) = default;
  };
  std::vector<Point> points = {};

  constexpr double operator()(double base_lr, std::int64_t update) const {
    std::size_t next = 0;  // the first point after `update`
    while (next < points.size() && points[next].update.count() <= update) ++next;
    if (next == 0) return base_lr * points.front().factor;
    const auto& from = points[next - 1];
    if (next == points.size()) return base_lr * from.factor;
    const auto start = from.update.count();
    const double progress =
        static_cast<double>(update - start) / static_cast<double>(points[next].update.count() - start);
    return base_lr * (from.factor + (points[next].factor - from.factor) * progress);
  }

  [[nodiscard]] constexpr PiecewiseLr resolved(const RunLength& length) const {
    PiecewiseLr result = *this;
    if (points.empty()) detail::reject_setting("PiecewiseLr::points", "empty", "Add at least one.");
    std::int64_t last = 0;
    for (auto& point : result.points) {
      point.update = point.update.resolved(length, "PiecewiseLr::points");
      detail::require_at_least("PiecewiseLr::points", point.update.count(), 0);
      detail::require_not_negative("PiecewiseLr::points' factor", point.factor);
      if (point.update.count() < last) reject_order(last, point.update.count());
      last = point.update.count();
    }
    return result;
  }

  friend constexpr bool operator==(const PiecewiseLr&, const PiecewiseLr&) = default;

 private:
  [[noreturn]] static void reject_order(std::int64_t before, std::int64_t after) {
    throw std::invalid_argument("PiecewiseLr::points has update " + std::to_string(after) + " after update " +
                                std::to_string(before) + ". Put the points in ascending order.");
  }
};
static_assert(ResolvableSchedule<PiecewiseLr>);

}  // namespace hone
