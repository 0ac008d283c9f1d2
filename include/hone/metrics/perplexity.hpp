// SPDX-License-Identifier: Apache-2.0
/// The perplexity of a language model.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"
#include "hone/metrics/metric.hpp"
#include "hone/metrics/tensors.hpp"

namespace hone {

/// The exponential of the mean negative log-likelihood of the target tokens.
///
/// **Shapes** outputs: logits `[batch, vocabulary, ...]`, target `[batch, ...]` of token numbers, as for LibTorch's
/// cross entropy; for a span, natural logarithms of likelihoods, one per token.
/// **Cost** a log-softmax on the outputs' device (in float for float, half and bfloat16 outputs, else in double);
/// `update` copies three numbers to the host.
/// **Errors** `DataError` for other shapes and for targets that are not token numbers.
struct Perplexity {
  /// A target that is ignored, with the default of LibTorch's cross entropy.
  std::optional<std::int64_t> ignore_index = -100;

  /// The sum over the tokens and their number.
  struct State {
    double negative_log_likelihood = 0.0;
    std::int64_t total = 0;

    void serialize(auto& archive) {
      archive("negative_log_likelihood", negative_log_likelihood);
      serialize_count(archive, "total", total);
    }
    friend bool operator==(const State&, const State&) = default;
  };
  State state{};

  [[nodiscard]] std::string name() const { return "perplexity"; }
  [[nodiscard]] double value() const {
    if (state.total == 0) return detail::quiet_nan();
    return std::exp(state.negative_log_likelihood / static_cast<double>(state.total));
  }
  void reset() { state = {}; }

  template <detail::TensorLike Outputs, detail::TensorLike Target>
  void update(const Outputs& outputs, const Target& target) {
    detail::update(*this, outputs, target);
  }
  void update(std::span<const double> log_likelihoods) {
    for (const double log_likelihood : log_likelihoods) state.negative_log_likelihood -= log_likelihood;
    state.total += static_cast<std::int64_t>(log_likelihoods.size());
  }
  /// Returns `[negative log-likelihood, tokens, invalid targets]`.
  template <detail::TensorLike Outputs, detail::TensorLike Target>
  [[nodiscard]] auto add_up(const Outputs& outputs, const Target& target) const {
    detail::require_class_scores(name(), outputs, target);
    using Type = detail::ScalarTypeOf<Outputs>;
    const detail::Labels<Target> labels{target, outputs.size(1), ignore_index};
    const auto format = outputs.scalar_type();
    const bool is_narrow = format == Type::Float || format == Type::Half || format == Type::BFloat16;
    const auto type = is_narrow ? Type::Float : Type::Double;
    const auto likelihoods = outputs.detach().log_softmax(1, type);
    const auto own = likelihoods.gather(1, labels.classes.view(target.sizes()).unsqueeze(1)).flatten();
    return detail::row_of(own.neg().masked_fill(labels.counts.logical_not(), 0.0).sum(Type::Double),
                          labels.counts.sum(), labels.invalid);
  }
  void add(std::span<const double> sums) {
    detail::require_sums(name(), sums.size(), 3);
    if (sums[2] != 0.0) {
      throw DataError(
          format_message("`{}` got {} targets that are outside the vocabulary. Pass token indices from 0, or set "
                         "`ignore_index` to the index to ignore.",
                         {name(), sums[2]}));
    }
    state.negative_log_likelihood += sums[0];
    state.total += detail::as_count(sums[1]);
  }
  [[nodiscard]] std::vector<double> sums() const {
    return {state.negative_log_likelihood, static_cast<double>(state.total), 0.0};
  }
  void merge(const Perplexity& other) {
    detail::require_same_settings(name(), ignore_index == other.ignore_index);
    state.negative_log_likelihood += other.state.negative_log_likelihood;
    state.total += other.state.total;
  }
  friend bool operator==(const Perplexity&, const Perplexity&) = default;
};

}  // namespace hone
