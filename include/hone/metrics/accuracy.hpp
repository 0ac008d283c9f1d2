// SPDX-License-Identifier: Apache-2.0
/// The accuracy of classifiers: of the largest output, of a binary output and of the `k` largest outputs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"
#include "hone/metrics/metric.hpp"
#include "hone/metrics/tensors.hpp"

namespace hone {

/// The state of an accuracy metric: counts of samples.
struct Share {
  std::int64_t correct = 0;  ///< Samples with a correct prediction.
  std::int64_t total = 0;    ///< Samples, without ignored ones.
  std::int64_t num_nan = 0;  ///< Samples with an output that is NaN.

  void serialize(auto& archive) {
    serialize_count(archive, "correct", correct);
    serialize_count(archive, "total", total, correct);
    serialize_count(archive, "num_nan", num_nan);
  }

  /// Returns `correct / total`; NaN without samples or with a NaN output.
  [[nodiscard]] double value() const {
    if (total == 0 || num_nan > 0) return detail::quiet_nan();
    return static_cast<double>(correct) / static_cast<double>(total);
  }
  void merge(const Share& other) {
    correct += other.correct;
    total += other.total;
    num_nan += other.num_nan;
  }
  friend bool operator==(const Share&, const Share&) = default;
};

namespace detail {

inline void add(Share& share, std::string_view metric, std::span<const double> sums) {
  require_sums(metric, sums.size(), 3);
  share.merge({as_count(sums[0]), as_count(sums[1]), as_count(sums[2])});
}
inline std::vector<double> sums(const Share& share) {
  return {static_cast<double>(share.correct), static_cast<double>(share.total), static_cast<double>(share.num_nan)};
}

/// Returns `[correct, total, NaN]` for boolean tensors of correct predictions and of NaN scores, and the
/// `class_numbers` of the targets. A NaN target counts as a NaN score.
template <class Tensor>
Tensor share_of(const Tensor& right, const Tensor& is_nan, const auto& classes,
                std::optional<std::int64_t> ignore_index) {
  constexpr auto as_double = ScalarTypeOf<Tensor>::Double;
  const auto is_none = is_nan.logical_or(classes.isnan());
  const auto is_right = right.logical_and(is_none.logical_not());
  if (!ignore_index) return row_of(is_right.sum(as_double), static_cast<double>(classes.numel()), is_none.sum());
  const auto counts = classes.ne(*ignore_index);
  return row_of(is_right.logical_and(counts).sum(as_double), counts.sum(), is_none.logical_and(counts).sum());
}

}  // namespace detail

/// The fraction of targets whose class has the largest output.
///
/// **Shapes** outputs `[batch, classes, ...]` with 2 or more classes, target `[batch, ...]` of class numbers; for
/// spans, predicted class numbers.
/// **Cost** a maximum, comparisons and sums on the outputs' device; `update` copies three numbers to the host.
/// **Errors** `DataError` for other shapes.
struct Accuracy {
  std::optional<std::int64_t> ignore_index{};  ///< A target that is ignored.
  Share state{};

  [[nodiscard]] std::string name() const { return "accuracy"; }
  [[nodiscard]] double value() const { return state.value(); }
  void reset() { state = {}; }

  template <detail::TensorLike Outputs, detail::TensorLike Target>
  void update(const Outputs& outputs, const Target& target) {
    detail::update(*this, outputs, target);
  }
  void update(std::span<const std::int64_t> predicted, std::span<const std::int64_t> target) {
    detail::require_same_length(name(), predicted.size(), target.size());
    for (std::size_t i = 0; i < target.size(); ++i) {
      if (ignore_index != target[i]) state.merge({predicted[i] == target[i], 1});
    }
  }
  template <detail::TensorLike Outputs, detail::TensorLike Target>
  [[nodiscard]] auto add_up(const Outputs& outputs, const Target& target) const {
    detail::require_class_scores(name(), outputs, target, 2);
    const auto classes = detail::class_numbers(target);
    const auto [largest, predicted] = outputs.detach().max(1);  // NaN if any class has NaN
    return detail::share_of(predicted.eq(classes), largest.isnan(), classes, ignore_index);
  }
  void add(std::span<const double> sums) { detail::add(state, name(), sums); }
  [[nodiscard]] std::vector<double> sums() const { return detail::sums(state); }
  void merge(const Accuracy& other) {
    detail::require_same_settings(name(), ignore_index == other.ignore_index);
    state.merge(other.state);
  }
  friend bool operator==(const Accuracy&, const Accuracy&) = default;
};

/// The fraction of binary targets that equal the prediction: 1 for outputs above a threshold, else 0.
///
/// **Shapes** outputs and target of the same shape, except for trailing dimensions of size 1; target 0 or 1.
/// **Units** threshold: as the outputs; 0.5 for probabilities, 0 for logits. Outputs are compared in double.
/// **Cost** a copy in double, comparisons and sums on the outputs' device; `update` copies three numbers to the host.
/// **Errors** `DataError` for other shapes.
struct BinaryAccuracy {
  double threshold = 0.5;
  std::optional<std::int64_t> ignore_index{};  ///< A target that is ignored.
  Share state{};

  [[nodiscard]] std::string name() const { return "binary_accuracy"; }
  [[nodiscard]] double value() const { return state.value(); }
  void reset() { state = {}; }

  template <detail::TensorLike Outputs, detail::TensorLike Target>
  void update(const Outputs& outputs, const Target& target) {
    detail::update(*this, outputs, target);
  }
  void update(std::span<const double> outputs, std::span<const std::int64_t> target) {
    detail::require_same_length(name(), outputs.size(), target.size());
    for (std::size_t i = 0; i < target.size(); ++i) {
      if (ignore_index == target[i]) continue;
      const bool is_nan = detail::is_nan(outputs[i]);
      state.merge({!is_nan && (outputs[i] > threshold ? 1 : 0) == target[i], 1, is_nan});
    }
  }
  template <detail::TensorLike Outputs, detail::TensorLike Target>
  [[nodiscard]] auto add_up(const Outputs& outputs, const Target& target) const {
    detail::require_same_elements(name(), outputs, target);
    const auto classes = detail::class_numbers(target.flatten());
    const auto scores = outputs.detach().flatten().to(detail::ScalarTypeOf<Outputs>::Double);
    return detail::share_of(scores.gt(threshold).eq(classes), scores.isnan(), classes, ignore_index);
  }
  void add(std::span<const double> sums) { detail::add(state, name(), sums); }
  [[nodiscard]] std::vector<double> sums() const { return detail::sums(state); }
  void merge(const BinaryAccuracy& other) {
    detail::require_same_settings(name(), threshold == other.threshold && ignore_index == other.ignore_index);
    state.merge(other.state);
  }
  friend bool operator==(const BinaryAccuracy&, const BinaryAccuracy&) = default;
};

/// The fraction of targets whose class is among the `k` largest outputs. The order of equal outputs is unspecified for
/// tensors; for spans the lower class comes first.
///
/// **Shapes** outputs `[batch, classes, ...]`, target `[batch, ...]` of class numbers; for spans, row-major scores.
/// **Cost** a top-k, comparisons and sums on the outputs' device; `update` copies three numbers to the host.
/// **Errors** `std::invalid_argument` for `k` below 1 or above the number of classes, `DataError` for other shapes.
/// **Example** `hone::TopKAccuracy{.k = 5}`, with the name `top5_accuracy`
struct TopKAccuracy {
  std::int64_t k = 5;
  std::optional<std::int64_t> ignore_index{};  ///< A target that is ignored.
  Share state{};

  [[nodiscard]] std::string name() const { return format_message("top{}_accuracy", {k}); }
  [[nodiscard]] double value() const { return state.value(); }
  void reset() { state = {}; }

  template <detail::TensorLike Outputs, detail::TensorLike Target>
  void update(const Outputs& outputs, const Target& target) {
    detail::update(*this, outputs, target);
  }
  void update(std::span<const double> scores, std::span<const std::int64_t> target) {
    if (target.empty()) return detail::require_same_length(name(), scores.size(), 0);
    const std::size_t num_classes = scores.size() / target.size();
    detail::require_same_length(name(), scores.size(), num_classes * target.size());
    require_k(static_cast<std::int64_t>(num_classes));
    for (std::size_t i = 0; i < target.size(); ++i) {
      if (ignore_index == target[i]) continue;
      const auto row = scores.subspan(i * num_classes, num_classes);
      const bool has_nan =
          std::any_of(row.begin(), row.end(), [](const double& score) { return detail::is_nan(score); });
      state.merge({!has_nan && is_in_top(row, target[i]), 1, has_nan});
    }
  }
  template <detail::TensorLike Outputs, detail::TensorLike Target>
  [[nodiscard]] auto add_up(const Outputs& outputs, const Target& target) const {
    detail::require_class_scores(name(), outputs, target);
    require_k(outputs.size(1));
    const auto classes = detail::class_numbers(target);
    const auto [largest, top] = outputs.detach().topk(k, 1);  // NaN is the largest
    return detail::share_of(top.eq(classes.unsqueeze(1)).any(1), largest.isnan().any(1), classes, ignore_index);
  }
  void add(std::span<const double> sums) { detail::add(state, name(), sums); }
  [[nodiscard]] std::vector<double> sums() const { return detail::sums(state); }
  void merge(const TopKAccuracy& other) {
    detail::require_same_settings(name(), k == other.k && ignore_index == other.ignore_index);
    state.merge(other.state);
  }
  friend bool operator==(const TopKAccuracy&, const TopKAccuracy&) = default;

 private:
  void require_k(std::int64_t num_classes) const {
    if (k >= 1 && k <= num_classes) return;
    throw std::invalid_argument(
        format_message("TopKAccuracy::k is {}, and the outputs have {} classes. Set it to a number from 1 to {}.",
                       {k, num_classes, num_classes}));
  }
  [[nodiscard]] bool is_in_top(std::span<const double> scores, std::int64_t target) const {
    if (target < 0 || target >= static_cast<std::int64_t>(scores.size())) return false;
    const auto own = static_cast<std::size_t>(target);
    std::int64_t better = 0;
    for (std::size_t other = 0; other < scores.size(); ++other) {
      better += scores[other] > scores[own] || (scores[other] == scores[own] && other < own);
    }
    return better < k;
  }
};

}  // namespace hone
