// SPDX-License-Identifier: Apache-2.0
/// Samplers: in which order an epoch visits the samples.
///
/// | sampler | order |
/// | --- | --- |
/// | `SequentialSampler` | as stored; loaders then hand out views and copy nothing |
/// | `RandomSampler` | a permutation that depends on the seed and the epoch's number only |
/// | `OptionalShuffle` | one of the two above, chosen at run time; the loaders' default |
/// | `WeightedRandomSampler` | draws in proportion to a weight for each sample (a header of its own) |
/// | `PyTorchSampler` | the one Python's `DataLoader` draws from the global generator, to repeat a run made in Python |
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randperm.h>

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/data/splitmix.hpp"

namespace hone {

/// Gives the order of the `samples` samples in an epoch: their indices, or an undefined tensor for the order as stored.
///
/// **Shapes** `[visits]`, int64, on the CPU; `visits` is `samples` unless the sampler has `count` (see
/// `CountsSamples`).
///
/// With many processes each has a sampler, and all of them must give the same order: one that depends on the sampler's
/// settings and the two arguments only, as `RandomSampler`'s does.
template <class S>
concept Sampler = requires(S& sampler, std::int64_t samples, std::int64_t epoch) {
  { sampler.order(samples, epoch) } -> std::same_as<at::Tensor>;
};

/// Optional ability: an epoch visits `count(samples)` samples rather than each once.
template <class S>
concept CountsSamples = Sampler<S> && requires(const S& sampler, std::int64_t samples) {
  { sampler.count(samples) } -> std::same_as<std::int64_t>;
};

/// Said by a sampler that draws its order from LibTorch's global generator, with
/// `static constexpr bool uses_global_generator = true`. Many processes have as many such generators, so it is refused
/// there.
template <class S>
concept UsesGlobalGenerator = Sampler<S> && requires { requires S::uses_global_generator; };

/// A seed from LibTorch's global generator: reproducible after `torch::manual_seed`, new at each call.
[[nodiscard]] inline std::uint64_t drawn_seed() {
  return static_cast<std::uint64_t>(at::empty({}, at::kLong).random_().item<std::int64_t>());
}

/// Visits the samples in the order in which they are stored.
struct SequentialSampler {
  [[nodiscard]] at::Tensor order(std::int64_t /*samples*/, std::int64_t /*epoch*/) const { return {}; }
};

/// Visits each sample once, in an order that depends on `seed` and the epoch's number only, so that a run can be
/// resumed at any epoch. The global generator is not touched.
struct RandomSampler {
  std::uint64_t seed = 0;

  [[nodiscard]] at::Tensor order(std::int64_t samples, std::int64_t epoch) const {
    const auto generator =
        at::make_generator<at::CPUGeneratorImpl>(stream_seed(seed, static_cast<std::uint64_t>(epoch)));
    return at::randperm(samples, generator, at::kLong);
  }
};

/// `RandomSampler` when `shuffle` is set, else `SequentialSampler`.
struct OptionalShuffle {
  bool shuffle = false;
  std::uint64_t seed = 0;

  [[nodiscard]] at::Tensor order(std::int64_t samples, std::int64_t epoch) const {
    return shuffle ? RandomSampler{seed}.order(samples, epoch) : at::Tensor{};
  }
};

/// Draws from the global generator what Python's `DataLoader(shuffle=..., num_workers=0)` draws, in the same order.
/// After `torch::manual_seed` the batches are those of the Python program; the epoch's number is not used. For one
/// process: loaders with a share of many refuse it.
///
/// **Source** `torch/utils/data/dataloader.py` and `sampler.py`: the iterator draws a base seed, then the sampler its
/// own.
struct PyTorchSampler {
  static constexpr bool uses_global_generator = true;
  bool shuffle = true;

  [[nodiscard]] at::Tensor order(std::int64_t samples, std::int64_t /*epoch*/) const {
    static_cast<void>(drawn_seed());  // the base seed of worker processes: unused without them, but drawn in any case
    if (!shuffle) return {};
    return at::randperm(samples, at::make_generator<at::CPUGeneratorImpl>(drawn_seed()), at::kLong);
  }
};

namespace detail {

/// How many samples an epoch visits under this sampler.
template <Sampler S>
[[nodiscard]] std::int64_t visits(const S& sampler, std::int64_t samples) {
  if constexpr (CountsSamples<S>) {
    return sampler.count(samples);
  } else {
    return samples;
  }
}

[[noreturn]] inline void refuse_global_generator(std::string_view sampler, int world_size) {
  throw std::invalid_argument(
      sentence("{} draws from the global generator, which is another one in each of the {} processes. Take "
               "RandomSampler with a seed, or .shuffle and .seed.",
               {sampler, world_size}));
}

/// Passes on an order that can be used without further checks: contiguous, of length `visits`, each index in range.
inline at::Tensor checked_order(at::Tensor order, std::int64_t samples, std::int64_t visits) {
  if (!order.defined()) {
    if (visits <= samples) return order;
    throw DataError(sentence("The sampler gave no order, which visits the {} samples once each, but counts {} visits.",
                             {samples, visits}));
  }
  if (order.scalar_type() != at::kLong || !order.device().is_cpu() || order.dim() != 1 || order.size(0) != visits) {
    throw DataError(
        sentence("The sampler's order is a {} tensor with {} elements in {} dimensions on {}. It must be "
                 "one int64 dimension of {} indices on cpu.",
                 {c10::toString(order.scalar_type()), order.numel(), order.dim(), order.device().str(), visits}));
  }
  order = order.contiguous().resolve_neg();
  const auto* indices = order.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < visits; ++i) {
    if (indices[i] < 0 || indices[i] >= samples) {
      throw DataError(sentence("The sampler's order asks for sample {} at position {}. The dataset has {} samples.",
                               {indices[i], i, samples}));
    }
  }
  return order;
}

}  // namespace detail

static_assert(Sampler<SequentialSampler> && Sampler<RandomSampler> && Sampler<OptionalShuffle> &&
              Sampler<PyTorchSampler>);

}  // namespace hone
