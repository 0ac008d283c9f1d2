// SPDX-License-Identifier: Apache-2.0
/// How often each class was predicted, meant and met, and the scores that are read off it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/serialize.hpp"

namespace hone {

/// How the scores of classes become one number.
enum class Average {
  binary,    ///< That of class 1 of two.
  macro,     ///< The mean over the classes that occur, as target or as prediction.
  micro,     ///< Of all samples together.
  weighted,  ///< The mean over classes, each with its number of targets.
};

/// Samples by class. Vectors have one entry for each class; classes that were never mentioned may be missing at the
/// end.
struct ClassCounts {
  std::vector<std::int64_t> hits{};       ///< Predicted and meant.
  std::vector<std::int64_t> predicted{};  ///< Predicted, right or wrong.
  std::vector<std::int64_t> actual{};     ///< Meant, predicted or not.
  std::int64_t num_nan = 0;               ///< Samples with an output that is NaN, which are in none of them.

  void serialize(auto& archive) {
    serialize_counts(archive, "hits", hits);
    serialize_counts(archive, "predicted", predicted);
    serialize_counts(archive, "actual", actual);
    if (archive.is_loading && (hits.size() != actual.size() || predicted.size() != actual.size())) {
      throw DataError("The counts of classes have different lengths. Load another file.");
    }
    serialize_count(archive, "num_nan", num_nan);
  }

  [[nodiscard]] std::int64_t num_classes() const { return static_cast<std::int64_t>(actual.size()); }
  [[nodiscard]] std::int64_t total() const { return std::reduce(actual.begin(), actual.end()); }

  /// Makes room for more classes.
  void grow(std::size_t num_classes) {
    for (auto* const counts : {&hits, &predicted, &actual}) counts->resize(std::max(counts->size(), num_classes));
  }
  void merge(const ClassCounts& other) {
    grow(other.actual.size());
    const auto add = [](std::vector<std::int64_t>& to, const std::vector<std::int64_t>& from) {
      std::transform(from.begin(), from.end(), to.begin(), to.begin(), std::plus<>{});
    };
    add(hits, other.hits);
    add(predicted, other.predicted);
    add(actual, other.actual);
    num_nan += other.num_nan;
  }
  friend bool operator==(const ClassCounts&, const ClassCounts&) = default;
};

namespace detail {

/// Averages `score(hits, predicted, actual)`, which is 0 where its denominator is. NaN of no samples, and as soon as
/// one output is NaN.
double averaged(const ClassCounts& counts, Average average, auto score) {
  const std::int64_t total = counts.total();
  if (total == 0 || counts.num_nan > 0) return quiet_nan();
  if (average == Average::micro) {
    return score(std::reduce(counts.hits.begin(), counts.hits.end()),
                 std::reduce(counts.predicted.begin(), counts.predicted.end()), total);
  }
  const auto of_class = [&](std::size_t c) { return score(counts.hits[c], counts.predicted[c], counts.actual[c]); };
  if (average == Average::binary) return counts.actual.size() < 2 ? 0.0 : of_class(1);
  double sum = 0.0, weights = 0.0;
  for (std::size_t c = 0; c < counts.actual.size(); ++c) {
    const double weight = average == Average::weighted                      ? static_cast<double>(counts.actual[c])
                          : counts.actual[c] > 0 || counts.predicted[c] > 0 ? 1.0
                                                                            : 0.0;
    sum += weight * of_class(c);
    weights += weight;
  }
  return sum / weights;
}

inline double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace detail

/// Of those that were predicted, the share that is right. 0 where nothing was predicted, NaN of no samples.
[[nodiscard]] inline double precision(const ClassCounts& counts, Average average) {
  return detail::averaged(counts, average,
                          [](auto hits, auto predicted, auto) { return detail::ratio(hits, predicted); });
}
/// Of those that were meant, the share that was found. 0 where nothing was meant, NaN of no samples.
[[nodiscard]] inline double recall(const ClassCounts& counts, Average average) {
  return detail::averaged(counts, average, [](auto hits, auto, auto actual) { return detail::ratio(hits, actual); });
}
/// The harmonic mean of both. 0 where there is neither a prediction nor a target, NaN of no samples.
[[nodiscard]] inline double f1(const ClassCounts& counts, Average average) {
  return detail::averaged(counts, average, [](auto hits, auto predicted, auto actual) {
    return detail::ratio(2 * hits, predicted + actual);
  });
}

}  // namespace hone
