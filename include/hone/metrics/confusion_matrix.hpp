// SPDX-License-Identifier: Apache-2.0
/// The confusion matrix: counts of pairs of target and predicted class.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"
#include "hone/metrics/class_counts.hpp"
#include "hone/metrics/metric.hpp"
#include "hone/metrics/tensors.hpp"

namespace hone {

/// Counts of pairs of target and predicted class. The number of classes is the largest of the outputs' numbers of
/// classes; for spans, the largest class number plus 1. The value is the accuracy, the fraction of samples on the
/// diagonal; use `class_counts()` for other scores.
///
/// **Shapes** outputs `[batch, classes, ...]` with 2 or more classes, target `[batch, ...]` of class numbers; for
/// spans, predicted class numbers.
/// **Cost** a maximum and sums over the batch on the outputs' device; `update` copies classes^2 + 2 numbers to the
/// host.
/// **Errors** `DataError` for other shapes and for targets that are not class numbers.
/// **Example** `precision(matrix.class_counts(), hone::Average::macro)`
struct ConfusionMatrix {
  std::optional<std::int64_t> ignore_index{};  ///< A target that is ignored.
  std::vector<std::int64_t> state{};           ///< Row-major: one row per target class, one column per prediction.
  std::int64_t num_nan = 0;                    ///< Samples with a NaN output, which are in no row.

  [[nodiscard]] std::string name() const { return "confusion_matrix"; }
  /// Returns the number of rows, which is the number of columns.
  [[nodiscard]] std::int64_t num_classes() const { return static_cast<std::int64_t>(size_of(state.size())); }
  /// Returns the number of samples of class `target` with the prediction `predicted`; 0 for classes out of range.
  [[nodiscard]] std::int64_t count(std::int64_t target, std::int64_t predicted) const {
    const auto n = num_classes();
    if (target < 0 || predicted < 0 || target >= n || predicted >= n) return 0;
    return state[static_cast<std::size_t>(target * n + predicted)];
  }
  [[nodiscard]] ClassCounts class_counts() const {
    const std::size_t n = size_of(state.size());
    ClassCounts counts;
    counts.grow(n);
    counts.num_nan = num_nan;
    for (std::size_t i = 0; i < state.size(); ++i) {
      if (i / n == i % n) counts.hits[i / n] = state[i];
      counts.actual[i / n] += state[i];
      counts.predicted[i % n] += state[i];
    }
    return counts;
  }
  [[nodiscard]] double value() const { return recall(class_counts(), Average::micro); }
  void reset() {
    state.clear();
    num_nan = 0;
  }

  void serialize(auto& archive) {
    serialize_counts(archive, "counts", state);
    if (archive.is_loading && size_of(state.size()) * size_of(state.size()) != state.size()) {
      throw DataError(
          format_message("A confusion matrix of {} numbers is not square. Load another file.", {state.size()}));
    }
    serialize_count(archive, "num_nan", num_nan);
  }

  template <detail::TensorLike Outputs, detail::TensorLike Target>
  void update(const Outputs& outputs, const Target& target) {
    detail::update(*this, outputs, target);
  }
  void update(std::span<const std::int64_t> predicted, std::span<const std::int64_t> target) {
    detail::require_same_length(name(), predicted.size(), target.size());
    std::int64_t largest = -1;
    for (std::size_t i = 0; i < target.size(); ++i) {
      if (ignore_index == target[i]) continue;
      const auto [low, high] = std::minmax(predicted[i], target[i]);
      if (low < 0) {
        throw DataError(format_message(
            "`{}` got the class index {}. Class indices start at 0; set `ignore_index` to ignore a class.",
            {name(), low}));
      }
      largest = std::max(largest, high);
    }
    grow(static_cast<std::size_t>(largest + 1));
    const std::int64_t n = num_classes();
    for (std::size_t i = 0; i < target.size(); ++i) {
      if (ignore_index != target[i]) ++state[static_cast<std::size_t>(target[i] * n + predicted[i])];
    }
  }
  /// Returns `[counts..., invalid targets, NaN]`.
  template <detail::TensorLike Outputs, detail::TensorLike Target>
  [[nodiscard]] auto add_up(const Outputs& outputs, const Target& target) const {
    detail::require_class_scores(name(), outputs, target, 2);
    using Type = detail::ScalarTypeOf<Target>;
    const std::int64_t n = outputs.size(1);
    const detail::Labels<Target> labels{target, n, ignore_index};
    const auto [largest, predicted] = outputs.detach().max(1);  // NaN if any class has NaN
    const auto is_nan = largest.isnan().flatten().logical_and_(labels.counts);
    const auto counts = labels.counts.logical_xor(is_nan).to(Type::Double);
    auto sums = counts.new_zeros({n * n + 2});
    sums.scatter_add_(0, labels.classes.mul(n).add_(predicted.flatten()), counts);
    sums.select(0, n * n).copy_(labels.invalid);
    sums.select(0, n * n + 1).copy_(is_nan.sum());
    return sums;
  }
  void add(std::span<const double> sums) {
    const std::size_t n = sums.size() < 2 ? 0 : size_of(sums.size() - 2);
    detail::require_sums(name(), sums.size(), n * n + 2);
    detail::require_valid_labels(name(), sums[n * n], static_cast<std::int64_t>(n));
    std::vector<std::int64_t> counts(n * n);
    std::transform(sums.begin(), sums.end() - 2, counts.begin(), detail::as_count);
    merge({ignore_index, std::move(counts), detail::as_count(sums.back())});
  }
  /// Returns sums in the layout of `add_up`, padded to at least `classes` classes, so that all ranks can add them.
  [[nodiscard]] std::vector<double> sums(std::int64_t classes = 0) const {
    ConfusionMatrix padded = *this;
    padded.grow(static_cast<std::size_t>(classes));
    std::vector<double> all(padded.state.begin(), padded.state.end());
    all.push_back(0.0);
    all.push_back(static_cast<double>(num_nan));
    return all;
  }
  void merge(const ConfusionMatrix& other) {
    detail::require_same_settings(name(), ignore_index == other.ignore_index);
    num_nan += other.num_nan;
    const std::size_t theirs = size_of(other.state.size());
    grow(theirs);
    const std::size_t ours = size_of(state.size());
    for (std::size_t i = 0; i < other.state.size(); ++i) state[i / theirs * ours + i % theirs] += other.state[i];
  }
  friend bool operator==(const ConfusionMatrix&, const ConfusionMatrix&) = default;

 private:
  /// Returns the square root of `count`, rounded down.
  static std::size_t size_of(std::size_t count) {
    return static_cast<std::size_t>(std::sqrt(static_cast<double>(count)));
  }

  void grow(std::size_t wanted) {
    const std::size_t n = size_of(state.size());
    if (wanted <= n) return;
    std::vector<std::int64_t> larger(wanted * wanted);
    for (std::size_t i = 0; i < state.size(); ++i) larger[i / n * wanted + i % n] = state[i];
    state = std::move(larger);
  }
};

}  // namespace hone
