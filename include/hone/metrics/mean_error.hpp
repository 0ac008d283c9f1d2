// SPDX-License-Identifier: Apache-2.0
/// Mean absolute, mean squared and root mean squared error.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hone/core/finite.hpp"
#include "hone/core/serialize.hpp"
#include "hone/metrics/metric.hpp"
#include "hone/metrics/tensors.hpp"

namespace hone {

namespace detail {

struct AbsoluteError {
  static constexpr const char* name = "mean_absolute_error";
  static double of(double difference) { return std::abs(difference); }
  static auto of_each(const auto& differences) { return differences.abs(); }
  static double value(double mean) { return mean; }
};
struct SquaredError {
  static constexpr const char* name = "mean_squared_error";
  static double of(double difference) { return difference * difference; }
  static auto of_each(const auto& differences) { return differences.square(); }
  static double value(double mean) { return mean; }
};
struct RootOfSquaredError : SquaredError {
  static constexpr const char* name = "root_mean_squared_error";
  static double value(double mean) { return std::sqrt(mean); }
};

}  // namespace detail

/// The mean of an error over all elements, or its square root. Complex differences are replaced by their modulus.
///
/// **Shapes** outputs and target of the same shape, except for trailing dimensions of size 1.
/// **Units** value: as the outputs; for `MeanSquaredError`, their square.
/// **Cost** the differences and their sum in double, on the outputs' device; `update` copies two numbers to the host.
/// **Errors** `DataError` for other shapes; nothing is broadcast.
template <class Error>
struct ErrorMetric {
  /// The sum of the errors and their number.
  struct State {
    double sum = 0.0;
    std::int64_t total = 0;

    void serialize(auto& archive) {
      archive("sum", sum);
      serialize_count(archive, "total", total);
    }
    friend bool operator==(const State&, const State&) = default;
  };
  State state{};

  [[nodiscard]] std::string name() const { return Error::name; }
  [[nodiscard]] double value() const {
    if (state.total == 0) return detail::quiet_nan();
    return Error::value(state.sum / static_cast<double>(state.total));
  }
  void reset() { state = {}; }

  template <detail::TensorLike Outputs, detail::TensorLike Target>
  void update(const Outputs& outputs, const Target& target) {
    detail::update(*this, outputs, target);
  }
  void update(std::span<const double> outputs, std::span<const double> target) {
    detail::require_same_length(name(), outputs.size(), target.size());
    for (std::size_t i = 0; i < target.size(); ++i) update(outputs[i], target[i]);
  }
  void update(double output, double target) {
    state.sum += Error::of(output - target);
    ++state.total;
  }
  template <detail::TensorLike Outputs, detail::TensorLike Target>
  [[nodiscard]] auto add_up(const Outputs& outputs, const Target& target) const {
    detail::require_same_elements(name(), outputs, target);
    using Type = detail::ScalarTypeOf<Outputs>;
    const bool is_complex = outputs.is_complex() || target.is_complex();
    const auto differences =
        outputs.detach().flatten().to(is_complex ? Type::ComplexDouble : Type::Double).sub(target.detach().flatten());
    return detail::row_of(Error::of_each(is_complex ? differences.abs() : differences).sum(),
                          static_cast<double>(target.numel()));
  }
  void add(std::span<const double> sums) {
    detail::require_sums(name(), sums.size(), 2);
    state.sum += sums[0];
    state.total += detail::as_count(sums[1]);
  }
  [[nodiscard]] std::vector<double> sums() const { return {state.sum, static_cast<double>(state.total)}; }
  void merge(const ErrorMetric& other) {
    state.sum += other.state.sum;
    state.total += other.state.total;
  }
  friend bool operator==(const ErrorMetric&, const ErrorMetric&) = default;
};

using MeanAbsoluteError = ErrorMetric<detail::AbsoluteError>;          ///< The mean of the absolute differences.
using MeanSquaredError = ErrorMetric<detail::SquaredError>;            ///< The mean of the squared differences.
using RootMeanSquaredError = ErrorMetric<detail::RootOfSquaredError>;  ///< The square root of `MeanSquaredError`.

}  // namespace hone
