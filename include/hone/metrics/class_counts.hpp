// SPDX-License-Identifier: Apache-2.0
/// Counts of predictions, targets and hits per class, and scores computed from them.
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

/// The reduction of the scores of classes to one number.
enum class Average {
  binary,    ///< The score of class 1, of two classes.
  macro,     ///< The mean over the classes that occur, as target or as prediction.
  micro,     ///< The score for the sums of the counts over all classes.
  weighted,  ///< The mean over classes, weighted by their number of targets.
};

/// Counts of samples per class. Each vector has one entry per class; trailing classes that never occur may be missing.
struct ClassCounts {
  std::vector<std::int64_t> hits{};       ///< Samples whose prediction and target are the class.
  std::vector<std::int64_t> predicted{};  ///< Samples whose prediction is the class.
  std::vector<std::int64_t> actual{};     ///< Samples whose target is the class.
  std::int64_t num_nan = 0;               ///< Samples with a NaN output, which are in none of the vectors.

  void serialize(auto& archive) {
    serialize_counts(archive, "hits", hits);
    serialize_counts(archive, "predicted", predicted);
    serialize_counts(archive, "actual", actual);
    if (archive.is_loading && (hits.size() != actual.size() || predicted.size() != actual.size())) {
      throw DataError("The counts of classes have different lengths. Load another file.");
    }
    serialize_count(archive, "num_nan", num_nan);
  }

  /// Returns the number of entries of each vector.
  [[nodiscard]] std::int64_t num_classes() const { return static_cast<std::int64_t>(actual.size()); }
  /// Returns the number of samples, without those in `num_nan`.
  [[nodiscard]] std::int64_t total() const { return std::reduce(actual.begin(), actual.end()); }

  /// Extends the vectors to at least `num_classes` entries.
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

/// Averages `score(hits, predicted, actual)` over classes. Returns NaN without samples or with a NaN output.
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

/// Returns the fraction of a class's predictions that are correct: 0 for a class without predictions. NaN without
/// samples or with a NaN output.
[[nodiscard]] inline double precision(const ClassCounts& counts, Average average) {
  return detail::averaged(counts, average,
                          [](auto hits, auto predicted, auto) { return detail::ratio(hits, predicted); });
}
/// Returns the fraction of a class's targets that are predicted: 0 for a class without targets. NaN as for `precision`.
[[nodiscard]] inline double recall(const ClassCounts& counts, Average average) {
  return detail::averaged(counts, average, [](auto hits, auto, auto actual) { return detail::ratio(hits, actual); });
}
/// Returns the harmonic mean of precision and recall: 0 for a class without either. NaN as for `precision`.
[[nodiscard]] inline double f1(const ClassCounts& counts, Average average) {
  return detail::averaged(counts, average, [](auto hits, auto predicted, auto actual) {
    return detail::ratio(2 * hits, predicted + actual);
  });
}

}  // namespace hone
