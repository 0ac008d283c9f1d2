// SPDX-License-Identifier: Apache-2.0
/// A sampler that visits each sample with a probability in proportion to a weight.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/multinomial.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/sampler.hpp"
#include "hone/data/splitmix.hpp"

namespace hone {

/// Draws the samples of an epoch in proportion to their weights, for example to balance classes of unequal size. The
/// draws depend on `weights`, `seed` and the epoch's number only.
///
/// **Shapes** weights: `[samples]`, on the CPU. **Units** num_samples: visits in an epoch.
/// **Errors** `DataError` if the number of weights is not the number of samples, if a weight is negative or not finite,
/// or if fewer weights are above 0 than an epoch visits (with `replacement`: if none is); `std::invalid_argument` for
/// `num_samples` below 1 or, without `replacement`, above the number of samples.
/// **Source** `torch.utils.data.WeightedRandomSampler`.
/// **Example** `hone::TensorLoader loader{set, {.batch_size = 32}, hone::WeightedRandomSampler{.weights = weights}};`
struct WeightedRandomSampler {
  at::Tensor weights;
  std::optional<std::int64_t> num_samples{};  ///< By default the number of samples in the dataset.
  bool replacement = true;                    ///< A sample may be visited more than once in an epoch.
  std::uint64_t seed = 0;

  [[nodiscard]] std::int64_t count(std::int64_t samples) const {
    if (!weights.defined() || weights.dim() != 1 || weights.size(0) != samples) {
      throw DataError(
          format_message("WeightedRandomSampler::weights has {} elements in {} dimensions. Set it to a tensor with one "
                         "dimension of {}, a weight for each sample.",
                         {weights.defined() ? weights.numel() : 0, weights.defined() ? weights.dim() : 0, samples}));
    }
    const std::int64_t visits = num_samples.value_or(samples);
    if (visits < 1 || (!replacement && visits > samples)) {
      throw std::invalid_argument(format_message(
          "WeightedRandomSampler::num_samples is {}. Set it to 1 or greater{}.",
          {visits, replacement ? "" : format_message(", and without replacement to at most {}", {samples})}));
    }
    return visits;
  }

  [[nodiscard]] at::Tensor order(std::int64_t samples, std::int64_t epoch) const {
    const std::int64_t visits = count(samples);
    check_weights(replacement ? 1 : visits);
    const auto generator =
        at::make_generator<at::CPUGeneratorImpl>(stream_seed(seed, static_cast<std::uint64_t>(epoch)));
    return at::multinomial(weights.detach().to(at::kDouble), visits, replacement, generator);
  }

 private:
  void check_weights(std::int64_t least) const {
    const auto values = weights.detach().to(at::kCPU, at::kDouble).contiguous();
    const auto* const data = static_cast<const double*>(values.const_data_ptr());
    std::int64_t num_positive = 0;
    for (std::int64_t i = 0; i < values.numel(); ++i) {
      if (!(data[i] >= 0.0) || data[i] > std::numeric_limits<double>::max()) {
        throw DataError(format_message(
            "WeightedRandomSampler::weights[{}] is {}. Set it to a finite number, 0 or greater.", {i, data[i]}));
      }
      num_positive += data[i] > 0.0 ? 1 : 0;
    }
    if (num_positive >= least) return;
    throw DataError(
        format_message("WeightedRandomSampler::weights has {} positive weights, but needs at least {}. Set more "
                       "weights to positive numbers, reduce num_samples, or set replacement.",
                       {num_positive, least}));
  }
};

static_assert(CountsSamples<WeightedRandomSampler>);

}  // namespace hone
