// SPDX-License-Identifier: Apache-2.0
/// The area under the receiver operating characteristic (ROC) curve.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"
#include "hone/metrics/metric.hpp"
#include "hone/metrics/tensors.hpp"

namespace hone {

/// The probability that a sample of class 1 has a higher score than a sample of class 0, where ties count half. The
/// value is exact, because the metric stores all scores. It depends on the order of scores only, so probabilities and
/// logits have the same value. It is NaN without a sample of each class or with a NaN score.
///
/// **Shapes** outputs and target of the same shape, except for trailing dimensions of size 1, target 0 or 1; or outputs
/// `[batch, 2, ...]` and target `[batch, ...]`, where the score is the second output minus the first.
/// **Cost** 8 bytes per sample, in double. `update` copies scores and targets to the host, which is a host
/// synchronization; `value` sorts a copy of the scores of class 0.
/// **Errors** `DataError` for other shapes and for targets that are neither 0 nor 1.
/// **Source** Mann and Whitney, "On a test of whether one of two random variables is stochastically larger than the
/// other", 1947.
struct Auroc {
  /// The scores seen so far.
  struct State {
    std::vector<double> positives{};  ///< Scores of samples of class 1, in any order.
    std::vector<double> negatives{};  ///< Scores of samples of class 0, in any order.
    std::int64_t num_nan = 0;         ///< Samples with a NaN score, which are in neither vector.

    void serialize(auto& archive) {
      archive("positives", positives);
      archive("negatives", negatives);
      const auto is_nan = [](const double& score) { return detail::is_nan(score); };
      if (archive.is_loading && (std::ranges::any_of(positives, is_nan) || std::ranges::any_of(negatives, is_nan))) {
        throw DataError("A score is NaN. Load another file.");
      }
      serialize_count(archive, "num_nan", num_nan);
    }
  };
  State state{};

  [[nodiscard]] std::string name() const { return "auroc"; }

  [[nodiscard]] double value() const {
    if (state.positives.empty() || state.negatives.empty() || state.num_nan > 0) return detail::quiet_nan();
    const auto negatives = sorted(state.negatives);
    double won = 0.0;
    for (const double score : state.positives) {
      const auto [first, last] = std::equal_range(negatives.begin(), negatives.end(), score);
      won += static_cast<double>(first - negatives.begin()) + 0.5 * static_cast<double>(last - first);
    }
    return won / static_cast<double>(state.positives.size()) / static_cast<double>(negatives.size());
  }
  void reset() { state = {}; }

  template <detail::TensorLike Outputs, detail::TensorLike Target>
  void update(const Outputs& outputs, const Target& target) {
    using Type = detail::ScalarTypeOf<Target>;
    const auto take = [&](const auto& scores) {
      add(detail::read(scores.flatten()), detail::read(target.flatten().to(Type::Double)));
    };
    const auto exact = outputs.detach().to(Type::Double);
    if (detail::same_elements(outputs.sizes(), target.sizes())) {
      take(exact);
    } else {
      detail::require_class_scores(name(), outputs, target, 2);
      if (outputs.size(1) != 2) detail::require_same_elements(name(), outputs, target);
      take(exact.select(1, 1).sub(exact.select(1, 0)));
    }
  }
  void update(std::span<const double> scores, std::span<const std::int64_t> target) { add(scores, target); }

  void merge(const Auroc& other) {
    state.positives.insert(state.positives.end(), other.state.positives.begin(), other.state.positives.end());
    state.negatives.insert(state.negatives.end(), other.state.negatives.begin(), other.state.negatives.end());
    state.num_nan += other.state.num_nan;
  }
  /// Returns whether both have the same scores, in any order.
  friend bool operator==(const Auroc& left, const Auroc& right) {
    return left.state.num_nan == right.state.num_nan && sorted(left.state.positives) == sorted(right.state.positives) &&
           sorted(left.state.negatives) == sorted(right.state.negatives);
  }

 private:
  static std::vector<double> sorted(std::vector<double> scores) {
    std::sort(scores.begin(), scores.end());
    return scores;
  }
  void add(std::span<const double> scores, const auto& target) {
    detail::require_same_length(name(), scores.size(), target.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const auto label = static_cast<double>(target[i]);
      if (detail::is_nan(label) || (label != 0.0 && label != 1.0)) {
        throw DataError(format_message("`{}` got the target {}. Pass targets that are 0 or 1.", {name(), label}));
      }
    }
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (detail::is_nan(scores[i])) {
        ++state.num_nan;
      } else {
        (target[i] == 1 ? state.positives : state.negatives).push_back(scores[i]);
      }
    }
  }
};

}  // namespace hone
