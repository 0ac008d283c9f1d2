// SPDX-License-Identifier: Apache-2.0
/// Counts that are known once a run is configured: `.warmup_updates = 2 * run::num_updates_per_epoch`.
#pragma once

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/schedule/check.hpp"

namespace hone {

/// How long a run is. Zero means unknown: the loader has no length and no limit was given.
///
/// **Units** Optimizer updates of one process, whatever the number of processes.
struct RunLength {
  std::int64_t num_updates = 0;
  std::int64_t num_updates_per_epoch = 0;
  std::int64_t num_epochs = 0;

  friend constexpr bool operator==(const RunLength&, const RunLength&) = default;
};

namespace detail {
template <class N>
concept CountLike = (std::integral<N> || std::floating_point<N>) && !std::same_as<N, bool>;
}  // namespace detail

/// A number of updates: an integer, or a sum of multiples of the run's facts, rounded down when it is resolved.
///
/// **Units** Optimizer updates. **Cost** Four doubles; no allocation.
/// **Errors** Arithmetic throws `std::invalid_argument` for division by zero.
/// **Example** `run::num_updates / 10`, `5 * run::num_updates_per_epoch - 1`.
class Updates {
 public:
  constexpr Updates() = default;
  /// Not from floating point numbers: 0.1 would look like a share of the run, and be 0 updates.
  template <detail::CountLike Count>
    requires std::integral<Count>
  constexpr Updates(Count count) : constant_(static_cast<double>(count)) {}  // NOLINT: implicit, for use as a number

  /// The multiples of the three facts, in their order in `RunLength`.
  [[nodiscard]] static constexpr Updates of_run(double num_updates, double num_updates_per_epoch, double num_epochs) {
    Updates result;
    result.run_ = num_updates;
    result.per_epoch_ = num_updates_per_epoch;
    result.epochs_ = num_epochs;
    return result;
  }

  /// True when nothing is left to fill in.
  [[nodiscard]] constexpr bool is_number() const { return run_ == 0.0 && per_epoch_ == 0.0 && epochs_ == 0.0; }

  /// The number.
  ///
  /// **Errors** `std::invalid_argument` while it still depends on the run.
  [[nodiscard]] constexpr std::int64_t count() const {
    if (!is_number()) reject_unresolved();
    return rounded_down(constant_);
  }

  /// The number for a run of this length. `field` is the name of the setting, for the message.
  ///
  /// **Errors** `std::invalid_argument` when the expression needs a fact that is unknown.
  [[nodiscard]] constexpr Updates resolved(const RunLength& length, std::string_view field) const {
    return rounded_down(constant_ + share(run_, length.num_updates, field, "num_updates") +
                        share(per_epoch_, length.num_updates_per_epoch, field, "num_updates_per_epoch") +
                        share(epochs_, length.num_epochs, field, "num_epochs"));
  }

  friend constexpr Updates operator+(Updates a, const Updates& b) {
    a.constant_ += b.constant_;
    a.run_ += b.run_;
    a.per_epoch_ += b.per_epoch_;
    a.epochs_ += b.epochs_;
    return a;
  }
  template <detail::CountLike Factor>
  friend constexpr Updates operator*(Updates a, Factor factor) {
    a.constant_ *= static_cast<double>(factor);
    a.run_ *= static_cast<double>(factor);
    a.per_epoch_ *= static_cast<double>(factor);
    a.epochs_ *= static_cast<double>(factor);
    return a;
  }
  template <detail::CountLike Factor>
  friend constexpr Updates operator*(Factor factor, const Updates& a) {
    return a * factor;
  }
  template <detail::CountLike Divisor>
  friend constexpr Updates operator/(Updates a, Divisor divisor) {
    const auto by = static_cast<double>(divisor);
    if (by == 0.0) throw std::invalid_argument("A number of updates was divided by 0.");
    a.constant_ /= by;
    a.run_ /= by;
    a.per_epoch_ /= by;
    a.epochs_ /= by;
    return a;
  }
  friend constexpr Updates operator-(const Updates& a) { return a * -1; }
  friend constexpr Updates operator-(const Updates& a, const Updates& b) { return a + -b; }
  friend constexpr bool operator==(const Updates&, const Updates&) = default;

 private:
  // A product such as 0.29 * 100 lies just below the integer that was meant, so the nearest one wins when it is that
  // close.
  static constexpr std::int64_t rounded_down(double value) {
    constexpr double limit = 9.0e15;  // where doubles stop telling integers apart
    if (!(value > -limit && value < limit)) {
      throw std::invalid_argument("A number of updates is out of range. Give one below 9e15.");
    }
    const auto nearest = static_cast<std::int64_t>(value < 0.0 ? value - 0.5 : value + 0.5);
    const double size = value < 0.0 ? 1.0 - value : 1.0 + value;
    const double excess = static_cast<double>(nearest) - value;
    return excess > 1e-12 * size ? nearest - 1 : nearest;
  }
  static constexpr double share(double factor, std::int64_t fact, std::string_view field, std::string_view name) {
    if (factor == 0.0) return 0.0;
    if (fact <= 0) reject_unknown(field, name);
    return factor * static_cast<double>(fact);
  }
  [[noreturn]] static void reject_unknown(std::string_view field, std::string_view fact) {
    throw std::invalid_argument(std::string(field) + " needs the run's " + std::string(fact) +
                                ", which is unknown: the loader has no length. Give " + std::string(field) +
                                " as a number" + (fact == "num_updates" ? ", or limit the run." : "."));
  }
  [[noreturn]] static void reject_unresolved() {
    throw std::invalid_argument(
        "A schedule was asked for a value while its number of updates depends on the run. Call `resolved` first.");
  }

  double constant_ = 0.0;
  double run_ = 0.0;
  double per_epoch_ = 0.0;
  double epochs_ = 0.0;
};

/// The facts of a run that a number of updates can be made from.
namespace run {
inline constexpr Updates num_updates = Updates::of_run(1, 0, 0);            ///< Updates of the whole run.
inline constexpr Updates num_updates_per_epoch = Updates::of_run(0, 1, 0);  ///< The short last window counts as one.
inline constexpr Updates num_epochs = Updates::of_run(0, 0, 1);
}  // namespace run

}  // namespace hone
