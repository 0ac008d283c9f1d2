// SPDX-License-Identifier: Apache-2.0
/// How often a classifier is right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "hone/core/sentence.hpp"
#include "hone/core/serialize.hpp"
#include "hone/metrics/metric.hpp"
#include "hone/metrics/tensors.hpp"

namespace hone {

/// How many of how many.
struct Share {
  std::int64_t correct = 0;
  std::int64_t total = 0;

  void serialize(auto& archive) {
    serialize_count(archive, "correct", correct);
    serialize_count(archive, "total", total, correct);
  }

  [[nodiscard]] double value() const {
    if (total == 0) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(correct) / static_cast<double>(total);
  }
  void merge(const Share& other) {
    correct += other.correct;
    total += other.total;
  }
  friend bool operator==(const Share&, const Share&) = default;
};

namespace detail {

inline void add(Share& share, std::string_view metric, std::span<const double> sums) {
  require_sums(metric, sums.size(), 2);
  share.merge({as_count(sums[0]), as_count(sums[1])});
}
inline std::vector<double> sums(const Share& share) {
  return {static_cast<double>(share.correct), static_cast<double>(share.total)};
}

/// `[correct, total]` from booleans that say which prediction is right.
template <class Tensor>
Tensor share_of(const Tensor& right, const auto& target, std::optional<std::int64_t> ignore_index) {
  constexpr auto as_double = ScalarTypeOf<Tensor>::Double;
  if (!ignore_index) return row_of(right.sum(as_double), static_cast<double>(target.numel()));
  const auto counts = target.ne(*ignore_index);
  return row_of(right.logical_and(counts).sum(as_double), counts.sum());
}

}  // namespace detail

/// The share of targets that the largest output names.
///
/// **Shapes** outputs `[batch, classes, ...]`, target `[batch, ...]` of class numbers; plain: predicted class numbers.
/// **Cost** an argmax, a comparison and a sum where the outputs are; `update` reads two numbers.
/// **Errors** `DataError` for other shapes.
struct Accuracy {
  std::optional<std::int64_t> ignore_index{};  ///< A target that does not count.
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
    return detail::share_of(outputs.argmax(1).eq(target), target, ignore_index);
  }
  void add(std::span<const double> sums) { detail::add(state, name(), sums); }
  [[nodiscard]] std::vector<double> sums() const { return detail::sums(state); }
  void merge(const Accuracy& other) {
    detail::require_same_settings(name(), ignore_index == other.ignore_index);
    state.merge(other.state);
  }
  friend bool operator==(const Accuracy&, const Accuracy&) = default;
};

/// The share of yes-or-no targets that outputs above or below a threshold meet.
///
/// **Shapes** outputs and target alike, target 0 or 1; ones at the end of a shape do not matter.
/// **Units** threshold: that of the outputs, 0.5 for probabilities, 0 for logits. An output that equals it says no.
/// **Cost** two comparisons and a sum where the outputs are; `update` reads two numbers.
/// **Errors** `DataError` for other shapes.
struct BinaryAccuracy {
  double threshold = 0.5;
  std::optional<std::int64_t> ignore_index{};  ///< A target that does not count.
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
      if (ignore_index != target[i]) state.merge({(outputs[i] > threshold ? 1 : 0) == target[i], 1});
    }
  }
  template <detail::TensorLike Outputs, detail::TensorLike Target>
  [[nodiscard]] auto add_up(const Outputs& outputs, const Target& target) const {
    detail::require_same_elements(name(), outputs, target);
    const auto classes = target.flatten();
    return detail::share_of(outputs.flatten().gt(threshold).eq(classes), classes, ignore_index);
  }
  void add(std::span<const double> sums) { detail::add(state, name(), sums); }
  [[nodiscard]] std::vector<double> sums() const { return detail::sums(state); }
  void merge(const BinaryAccuracy& other) {
    detail::require_same_settings(name(), threshold == other.threshold && ignore_index == other.ignore_index);
    state.merge(other.state);
  }
  friend bool operator==(const BinaryAccuracy&, const BinaryAccuracy&) = default;
};

/// The share of targets that are among the `k` largest outputs. Which of two equal outputs comes first is not said for
/// tensors; for plain numbers it is the lower class.
///
/// **Shapes** outputs `[batch, classes, ...]`, target `[batch, ...]` of class numbers; plain: scores row by row.
/// **Cost** a top-k, a comparison and a sum where the outputs are; `update` reads two numbers.
/// **Errors** `std::invalid_argument` for `k` below 1 or above the number of classes, `DataError` for other shapes.
/// **Example** `hone::TopKAccuracy{5}`, recorded as `top5_accuracy`
struct TopKAccuracy {
  std::int64_t k = 5;
  std::optional<std::int64_t> ignore_index{};  ///< A target that does not count.
  Share state{};

  [[nodiscard]] std::string name() const { return sentence("top{}_accuracy", {k}); }
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
      state.merge({is_in_top(scores.subspan(i * num_classes, num_classes), target[i]), 1});
    }
  }
  template <detail::TensorLike Outputs, detail::TensorLike Target>
  [[nodiscard]] auto add_up(const Outputs& outputs, const Target& target) const {
    detail::require_class_scores(name(), outputs, target);
    require_k(outputs.size(1));
    const auto top = std::get<1>(outputs.topk(k, 1));
    return detail::share_of(top.eq(target.unsqueeze(1)).any(1), target, ignore_index);
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
        sentence("TopKAccuracy::k is {}, and there are {} classes. Give 1 to {}.", {k, num_classes, num_classes}));
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
