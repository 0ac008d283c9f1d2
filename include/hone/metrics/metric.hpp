// SPDX-License-Identifier: Apache-2.0
/// What a streaming metric is: a plain value that takes batch after batch, can be merged with another, and gives a
/// number when asked.
///
/// | metric | value |
/// | --- | --- |
/// | `Accuracy`, `BinaryAccuracy`, `TopKAccuracy` | share of samples that are right |
/// | `Precision`, `Recall`, `F1` | of one class, or averaged over classes |
/// | `ConfusionMatrix` | how often each class was taken for each other |
/// | `Auroc` | area under the curve of a binary scorer |
/// | `MeanAbsoluteError`, `MeanSquaredError`, `RootMeanSquaredError` | of a regression |
/// | `Perplexity` | of a model of tokens |
///
/// Settings and state are public members, numbers and vectors of numbers: a metric goes into a file as it is. Parts of
/// a data set that were seen in different places give, merged, the value of the whole.
///
/// A metric counts and adds up in double and in whole numbers of 64 bits, whatever the formats of outputs and targets.
/// **An output that is NaN is not a prediction**: as soon as a sample whose target counts has one, the value of every
/// metric is NaN, which no callback takes for an improvement. Infinite outputs are larger or smaller than all others.
///
/// A metric's `update(outputs, target)` takes tensors and reads one small tensor from their device, which waits for it.
/// Where that matters, `add_up` leaves the sums on the device and `add` takes them when the epoch is over; the callback
/// `Metrics` does so.
#pragma once

#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone {

/// A value that is updated with batches. `value()` of one that has seen nothing is NaN.
template <class M>
concept Metric = std::copyable<M> && std::equality_comparable<M> && requires(M& metric, const M& other) {
  metric.merge(other);
  metric.reset();
  { other.value() } -> std::same_as<double>;
  { other.name() } -> std::convertible_to<std::string_view>;
};

/// A metric whose state is sums: `a.add(b.sums())` is `a.merge(b)`, and the sum of `sums()` over processes, added to a
/// fresh metric, is that of all they have seen.
template <class M>
concept SummableMetric = Metric<M> && requires(M& metric, const M& other, std::span<const double> sums) {
  metric.add(sums);
  { other.sums() } -> std::same_as<std::vector<double>>;
};

/// A metric that computes the sums of a batch where the tensors are, and leaves them there.
template <class M, class Outputs, class Target>
concept AddsUp = SummableMetric<M> && requires(const M& metric, const Outputs& outputs, const Target& target) {
  metric.add_up(outputs, target);
};

/// A metric under a name of the user's, so that two of a type do not record under one.
template <Metric M>
struct Named : M {
  std::string label;
  [[nodiscard]] std::string name() const { return label; }
  friend bool operator==(const Named&, const Named&) = default;
};

/// **Example** `hone::named("strict_precision", hone::Precision{.threshold = 0.9})`
template <Metric M>
[[nodiscard]] Named<M> named(std::string name, M metric) {
  return {std::move(metric), std::move(name)};
}

}  // namespace hone
