// SPDX-License-Identifier: Apache-2.0
/// The concepts of a streaming metric: a value type that is updated batch by batch, can be merged with another metric,
/// and returns a number.
///
/// | metric | value |
/// | --- | --- |
/// | `Accuracy`, `BinaryAccuracy`, `TopKAccuracy` | fraction of samples with a correct prediction |
/// | `Precision`, `Recall`, `F1` | of one class, or averaged over classes |
/// | `ConfusionMatrix` | accuracy; has the counts of pairs of target and predicted class |
/// | `Auroc` | area under the ROC curve of a binary classifier |
/// | `MeanAbsoluteError`, `MeanSquaredError`, `RootMeanSquaredError` | of a regression |
/// | `Perplexity` | of a language model |
///
/// Settings and state are public members: numbers and vectors of numbers, which can be written to a file. Merged
/// metrics of the parts of a data set have the value of the whole data set, up to rounding.
///
/// A metric counts in 64-bit integers and adds in double, for every dtype of outputs and targets. **An output that is
/// NaN is not a prediction**: after a sample with a NaN output and a target that is not ignored, the value of every
/// metric is NaN, which no callback treats as an improvement. Infinite outputs compare as larger or smaller than finite
/// outputs.
///
/// `update(outputs, target)` accepts tensors and copies a small tensor to the host, which is a host synchronization
/// (`Auroc`: all scores and targets). To avoid it, `add_up` leaves the sums on the device, and `add` accepts them at
/// the end of the epoch, as in the callback `Metrics`.
#pragma once

#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone {

/// A value type that is updated with batches. Requires a `value()` of NaN before the first sample.
template <class M>
concept Metric = std::copyable<M> && std::equality_comparable<M> && requires(M& metric, const M& other) {
  metric.merge(other);
  metric.reset();
  { other.value() } -> std::same_as<double>;
  { other.name() } -> std::convertible_to<std::string_view>;
};

/// A metric whose state is sums: `a.add(b.sums())` is equivalent to `a.merge(b)`. An all-reduce of `sums()`, added to a
/// new metric, makes the metric of all ranks' samples.
template <class M>
concept SummableMetric = Metric<M> && requires(M& metric, const M& other, std::span<const double> sums) {
  metric.add(sums);
  { other.sums() } -> std::same_as<std::vector<double>>;
};

/// A metric that computes the sums of a batch on the device of the tensors, and leaves them there.
template <class M, class Outputs, class Target>
concept AddsUp = SummableMetric<M> && requires(const M& metric, const Outputs& outputs, const Target& target) {
  metric.add_up(outputs, target);
};

/// A metric with a custom name, so that two metrics of one type are recorded under different names.
template <Metric M>
struct Named : M {
  std::string label;  ///< The name.
  [[nodiscard]] std::string name() const { return label; }
  friend bool operator==(const Named&, const Named&) = default;
};

/// Returns `metric` with the name `name`.
///
/// **Example** `hone::named("strict_precision", hone::Precision{.threshold = 0.9})`
template <Metric M>
[[nodiscard]] Named<M> named(std::string name, M metric) {
  return {std::move(metric), std::move(name)};
}

}  // namespace hone
