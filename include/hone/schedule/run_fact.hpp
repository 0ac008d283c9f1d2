// SPDX-License-Identifier: Apache-2.0
/// Numbers of updates that depend on the length of the run: `.warmup_updates = 2 * run::num_updates_per_epoch`.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/core/finite.hpp"
#include "hone/core/require.hpp"

namespace hone {

/// The length of a run. An empty optional means unknown, for example because the loader has no length.
///
/// **Units** Optimizer updates and batches of one rank, not multiplied by the world size.
struct RunLength {
  std::optional<std::int64_t> num_updates = {};                  ///< Updates of the whole run.
  std::optional<std::int64_t> num_updates_per_epoch = {};        ///< A partial last window counts as one.
  std::optional<std::int64_t> num_epochs = {};                   ///< Epochs of the run.
  std::optional<std::int64_t> num_train_batches_per_epoch = {};  ///< After limits.
  std::optional<std::int64_t> num_eval_batches_per_epoch = {};   ///< After limits.

  friend constexpr bool operator==(const RunLength&, const RunLength&) = default;
};

namespace detail {
template <class N>
concept CountLike = (std::integral<N> || std::floating_point<N>) && !std::same_as<N, bool>;

struct RunFact {
  std::optional<std::int64_t> RunLength::* value;
  std::string_view name;
};
inline constexpr std::array<RunFact, 5> run_facts{{
    {&RunLength::num_updates, "num_updates"},
    {&RunLength::num_updates_per_epoch, "num_updates_per_epoch"},
    {&RunLength::num_epochs, "num_epochs"},
    {&RunLength::num_train_batches_per_epoch, "num_train_batches_per_epoch"},
    {&RunLength::num_eval_batches_per_epoch, "num_eval_batches_per_epoch"},
}};
}  // namespace detail

/// A number of updates: a number, or a linear combination of facts of the run that `resolved` evaluates. The result is
/// rounded down.
///
/// **Units** Optimizer updates. **Cost** Six doubles; no allocation.
/// **Errors** `operator/` throws `std::invalid_argument` for a divisor of 0.
/// **Example** `run::num_updates / 10`, `5 * run::num_updates_per_epoch - 1`.
class Updates {
 public:
  constexpr Updates() = default;
  /// Accepts integers only: 0.1 would look like a fraction of the run, but would be 0 updates.
  template <detail::CountLike Count>
    requires std::integral<Count>
  constexpr Updates(Count count) : constant_(static_cast<double>(count)) {}  // NOLINT: implicit, for use as a number

  /// Returns one times the fact with index `fact` in `detail::run_facts`.
  [[nodiscard]] static constexpr Updates of_run(std::size_t fact) {
    Updates result;
    result.factors_.at(fact) = 1.0;
    return result;
  }

  /// Returns whether the number is independent of the run.
  [[nodiscard]] constexpr bool is_number() const {
    for (const double factor : factors_) {
      if (factor != 0.0) return false;
    }
    return true;
  }

  /// Returns the number, rounded down.
  ///
  /// **Errors** `std::invalid_argument` if it depends on the run, or if its absolute value is 9e15 or more.
  [[nodiscard]] constexpr std::int64_t count() const {
    if (!is_number()) reject_unresolved();
    return rounded_down(constant_);
  }

  /// Returns the number for a run of the given length, rounded down. `field` is the name of the setting in messages.
  ///
  /// **Errors** `std::invalid_argument` if it needs an unknown fact, or if its absolute value is 9e15 or more.
  [[nodiscard]] constexpr Updates resolved(const RunLength& length, std::string_view field) const {
    double sum = constant_;
    for (std::size_t i = 0; i < factors_.size(); ++i) {
      if (factors_[i] == 0.0) continue;
      const auto& fact = length.*detail::run_facts[i].value;
      if (!fact) reject_unknown(field, detail::run_facts[i].name);
      sum += factors_[i] * static_cast<double>(*fact);
    }
    return rounded_down(sum);
  }

  friend constexpr Updates operator+(Updates a, const Updates& b) {
    a.constant_ += b.constant_;
    for (std::size_t i = 0; i < a.factors_.size(); ++i) a.factors_[i] += b.factors_[i];
    return a;
  }
  template <detail::CountLike Factor>
  friend constexpr Updates operator*(Updates a, Factor factor) {
    a.constant_ *= static_cast<double>(factor);
    for (double& own : a.factors_) own *= static_cast<double>(factor);
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
    for (double& own : a.factors_) own /= by;
    return a;
  }
  friend constexpr Updates operator-(const Updates& a) { return a * -1; }
  friend constexpr Updates operator-(const Updates& a, const Updates& b) { return a + -b; }
  friend constexpr bool operator==(const Updates&, const Updates&) = default;

 private:
  // A product such as 0.29 * 100 is slightly below the exact integer. An integer that is larger than `value` by at most
  // 1e-12 * (1 + |value|) is therefore the result.
  static constexpr std::int64_t rounded_down(double value) {
    constexpr double limit = 9.0e15;  // just below 2^53: doubles represent every smaller integer
    if (!detail::is_finite(value) || value <= -limit || value >= limit) {
      throw std::invalid_argument("A number of updates is out of range. Use a number less than 9e15.");
    }
    const auto nearest = static_cast<std::int64_t>(value < 0.0 ? value - 0.5 : value + 0.5);
    const double size = value < 0.0 ? 1.0 - value : 1.0 + value;
    const double excess = static_cast<double>(nearest) - value;
    return excess > 1e-12 * size ? nearest - 1 : nearest;
  }
  [[noreturn]] static void reject_unknown(std::string_view field, std::string_view fact) {
    throw std::invalid_argument(std::string(field) + " needs the run's " + std::string(fact) + ", which is unknown: " +
                                (fact == "num_eval_batches_per_epoch" ? "the run has no evaluation, or its" : "the") +
                                " loader has no length. Set " + std::string(field) + " to a number" +
                                (fact == "num_updates" ? ", or limit the run." : "."));
  }
  [[noreturn]] static void reject_unresolved() {
    throw std::invalid_argument(
        "A schedule was evaluated while its number of updates depends on the run. Call `resolved` first.");
  }

  double constant_ = 0.0;
  std::array<double, detail::run_facts.size()> factors_{};
};

/// The facts of a run, as operands of expressions.
namespace run {
inline constexpr Updates num_updates = Updates::of_run(0);                  ///< Updates of the whole run.
inline constexpr Updates num_updates_per_epoch = Updates::of_run(1);        ///< A partial last window counts as one.
inline constexpr Updates num_epochs = Updates::of_run(2);                   ///< Epochs of the run.
inline constexpr Updates num_train_batches_per_epoch = Updates::of_run(3);  ///< Batches of this rank.
inline constexpr Updates num_eval_batches_per_epoch = Updates::of_run(4);   ///< Batches of this rank.
}  // namespace run

}  // namespace hone
