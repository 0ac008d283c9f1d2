// SPDX-License-Identifier: Apache-2.0
/// Precision, recall and F1 score.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "hone/core/format_message.hpp"
#include "hone/metrics/class_counts.hpp"
#include "hone/metrics/metric.hpp"
#include "hone/metrics/tensors.hpp"

namespace hone {

namespace detail {

struct PrecisionScore {
  static constexpr const char* name = "precision";
  static double of(const ClassCounts& counts, Average average) { return precision(counts, average); }
};
struct RecallScore {
  static constexpr const char* name = "recall";
  static double of(const ClassCounts& counts, Average average) { return recall(counts, average); }
};
struct F1Score {
  static constexpr const char* name = "f1";
  static double of(const ClassCounts& counts, Average average) { return f1(counts, average); }
};

}  // namespace detail

/// A score computed from the counts of classes: `Precision`, `Recall`, `F1`.
///
/// **Shapes** outputs `[batch, classes, ...]` with 2 or more classes and target `[batch, ...]` of class numbers, where
/// the largest output is the prediction; or, for `Average::binary`, outputs and target of the same shape, except for
/// trailing dimensions of size 1, and target 0 or 1. For spans, predicted class numbers.
/// **Units** threshold: as the outputs; 0.5 for probabilities, 0 for logits. Class 1 is predicted for outputs above it,
/// compared in double.
/// **Cost** sums over the batch on the outputs' device; `update` copies 3 x classes + 2 numbers to the host.
/// **Errors** `DataError` for other shapes and for targets that are not class numbers; `std::invalid_argument` for more
/// than two classes with `Average::binary`.
template <class Score>
struct ClassMetric {
  Average average = Average::binary;  ///< The reduction of the scores of the classes.
  double threshold = 0.5;
  std::optional<std::int64_t> ignore_index{};  ///< A target that is ignored.
  ClassCounts state{};

  [[nodiscard]] std::string name() const { return Score::name; }
  [[nodiscard]] double value() const { return Score::of(state, average); }
  void reset() { state = {}; }

  template <detail::TensorLike Outputs, detail::TensorLike Target>
  void update(const Outputs& outputs, const Target& target) {
    detail::update(*this, outputs, target);
  }
  void update(std::span<const std::int64_t> predicted, std::span<const std::int64_t> target) {
    detail::require_same_length(name(), predicted.size(), target.size());
    ClassCounts seen;
    for (std::size_t i = 0; i < target.size(); ++i) {
      if (ignore_index == target[i]) continue;
      require_class_number(predicted[i]);
      require_class_number(target[i]);
      seen.grow(static_cast<std::size_t>(std::max(predicted[i], target[i])) + 1);
      seen.hits[static_cast<std::size_t>(target[i])] += predicted[i] == target[i];
      ++seen.predicted[static_cast<std::size_t>(predicted[i])];
      ++seen.actual[static_cast<std::size_t>(target[i])];
    }
    require_average(seen.num_classes());
    state.merge(seen);
  }
  /// Returns `[hits..., predicted..., actual..., invalid targets, NaN]`.
  template <detail::TensorLike Outputs, detail::TensorLike Target>
  [[nodiscard]] auto add_up(const Outputs& outputs, const Target& target) const {
    if (average == Average::binary && detail::same_elements(outputs.sizes(), target.sizes())) {
      const auto scores = outputs.detach().flatten().to(detail::ScalarTypeOf<Outputs>::Double);
      return add_up_classes(scores.gt(threshold), scores.isnan(), target, 2);
    }
    detail::require_class_scores(name(), outputs, target, 2);
    require_average(outputs.size(1));
    const auto [largest, predicted] = outputs.detach().max(1);  // NaN if any class has NaN
    return add_up_classes(predicted.flatten(), largest.isnan().flatten(), target, outputs.size(1));
  }
  void add(std::span<const double> sums) {
    const std::size_t num_classes = sums.size() / 3;
    detail::require_sums(name(), sums.size(), 3 * num_classes + 2);
    detail::require_valid_labels(name(), sums[3 * num_classes], static_cast<std::int64_t>(num_classes));
    const auto part = [&](std::size_t which) {
      std::vector<std::int64_t> counts(num_classes);
      const auto from = sums.subspan(which * num_classes, num_classes);
      std::transform(from.begin(), from.end(), counts.begin(), detail::as_count);
      return counts;
    };
    state.merge({part(0), part(1), part(2), detail::as_count(sums.back())});
  }
  /// Returns sums in the layout of `add_up`, padded to at least `num_classes` classes, so that all ranks can add them.
  [[nodiscard]] std::vector<double> sums(std::int64_t num_classes = 0) const {
    ClassCounts padded = state;
    padded.grow(static_cast<std::size_t>(num_classes));
    std::vector<double> all;
    for (const auto* counts : {&padded.hits, &padded.predicted, &padded.actual}) {
      all.insert(all.end(), counts->begin(), counts->end());
    }
    all.push_back(0.0);
    all.push_back(static_cast<double>(padded.num_nan));
    return all;
  }
  void merge(const ClassMetric& other) {
    detail::require_same_settings(
        name(), average == other.average && threshold == other.threshold && ignore_index == other.ignore_index);
    state.merge(other.state);
  }
  friend bool operator==(const ClassMetric&, const ClassMetric&) = default;

 private:
  template <class Target>
  Target add_up_classes(const Target& predicted, const Target& is_nan, const Target& target,
                        std::int64_t num_classes) const {
    using Type = detail::ScalarTypeOf<Target>;
    const detail::Labels<Target> labels{target, num_classes, ignore_index};
    const auto classes = predicted.to(Type::Long);
    const auto nan_counts = is_nan.logical_and(labels.counts);
    const auto counts = labels.counts.logical_xor(nan_counts).to(Type::Double);
    auto sums = counts.new_zeros({3 * num_classes + 2});
    sums.narrow(0, 0, num_classes).scatter_add_(0, labels.classes, counts.mul(classes.eq(labels.classes)));
    sums.narrow(0, num_classes, num_classes).scatter_add_(0, classes, counts);
    sums.narrow(0, 2 * num_classes, num_classes).scatter_add_(0, labels.classes, counts);
    sums.select(0, 3 * num_classes).copy_(labels.invalid);
    sums.select(0, 3 * num_classes + 1).copy_(nan_counts.sum());
    return sums;
  }
  void require_class_number(std::int64_t label) const {
    if (label >= 0) return;
    throw DataError(
        format_message("`{}` got the class index {}. Class indices start at 0; set `ignore_index` to ignore a class.",
                       {name(), label}));
  }
  void require_average(std::int64_t num_classes) const {
    if (average != Average::binary || num_classes <= 2) return;
    throw std::invalid_argument(format_message(
        "`{}` has Average::binary but got {} classes. Use Average::macro, micro or weighted.", {name(), num_classes}));
  }
};

/// The fraction of a class's predictions that are correct.
///
/// **Example** `hone::Precision{.average = hone::Average::macro}`
using Precision = ClassMetric<detail::PrecisionScore>;
/// The fraction of a class's targets that are predicted.
using Recall = ClassMetric<detail::RecallScore>;
/// The harmonic mean of precision and recall.
using F1 = ClassMetric<detail::F1Score>;

}  // namespace hone
