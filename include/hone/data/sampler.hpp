// SPDX-License-Identifier: Apache-2.0
/// Samplers, which determine the order in which an epoch visits the samples.
///
/// | sampler | order |
/// | --- | --- |
/// | `SequentialSampler` | as stored; the batches of `TensorLoader` are then views |
/// | `RandomSampler` | a permutation that depends on the seed and the epoch's number only |
/// | `OptionalShuffle` | one of the two above, chosen at run time; the loaders' default |
/// | `WeightedRandomSampler` | draws in proportion to a weight for each sample (in a separate header) |
/// | `PyTorchSampler` | the order that Python's `DataLoader` draws from the global generator, to repeat a Python run |
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
#include "hone/core/format_message.hpp"
#include "hone/data/splitmix.hpp"

namespace hone {

/// A type that can return the order of an epoch: the indices of the samples, or an undefined tensor for stored order.
///
/// **Shapes** `[visits]`, int64, on the CPU; `visits` is `samples` unless the sampler has `count` (see
/// `CountsSamples`).
///
/// Each rank has its own sampler. With several ranks, all must return the same order, which therefore may depend on the
/// sampler's settings and the two arguments only, as in `RandomSampler`.
template <class S>
concept Sampler = requires(S& sampler, std::int64_t samples, std::int64_t epoch) {
  { sampler.order(samples, epoch) } -> std::same_as<at::Tensor>;
};

/// Optional: `count(samples)` returns the number of samples that an epoch visits, if it is not `samples`.
template <class S>
concept CountsSamples = Sampler<S> && requires(const S& sampler, std::int64_t samples) {
  { sampler.count(samples) } -> std::same_as<std::int64_t>;
};

/// Optional: `S::uses_global_generator` is true if the sampler draws its order from LibTorch's global generator. Each
/// rank has its own global generator, so loaders throw `std::invalid_argument` with two or more ranks.
template <class S>
concept UsesGlobalGenerator = Sampler<S> && requires { requires S::uses_global_generator; };

/// Returns a new seed, drawn from LibTorch's global CPU generator: reproducible after `torch::manual_seed`.
[[nodiscard]] inline std::uint64_t drawn_seed() {
  return static_cast<std::uint64_t>(at::empty({}, at::kLong).random_().item<std::int64_t>());
}

/// Visits the samples in the order in which they are stored.
struct SequentialSampler {
  [[nodiscard]] at::Tensor order(std::int64_t /*samples*/, std::int64_t /*epoch*/) const { return {}; }
};

/// Visits each sample once, in an order that depends on `seed` and the epoch's number only, so that a run can resume at
/// any epoch. Does not use the global generator.
struct RandomSampler {
  std::uint64_t seed = 0;

  [[nodiscard]] at::Tensor order(std::int64_t samples, std::int64_t epoch) const {
    const auto generator =
        at::make_generator<at::CPUGeneratorImpl>(stream_seed(seed, static_cast<std::uint64_t>(epoch)));
    return at::randperm(samples, generator, at::kLong);
  }
};

/// `RandomSampler` if `shuffle` is set, else `SequentialSampler`.
struct OptionalShuffle {
  bool shuffle = false;
  std::uint64_t seed = 0;  ///< The seed of the order.

  [[nodiscard]] at::Tensor order(std::int64_t samples, std::int64_t epoch) const {
    return shuffle ? RandomSampler{seed}.order(samples, epoch) : at::Tensor{};
  }
};

/// Makes the same draws from the global generator as Python's `DataLoader(shuffle=..., num_workers=0)`. After
/// `torch::manual_seed` the batches equal the batches of the Python program. Ignores the epoch's number. For a single
/// rank; see `UsesGlobalGenerator`.
///
/// **Source** `torch/utils/data/dataloader.py` and `sampler.py`: the iterator draws a base seed, then the sampler draws
/// its own seed.
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

/// Returns the number of samples that an epoch visits with this sampler.
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
      format_message("{} uses the global generator, which differs in each of the {} processes. Use RandomSampler with "
                     "a seed, or set .shuffle and .seed.",
                     {sampler, world_size}));
}

/// Validates an order and returns it contiguous: undefined, or `visits` indices from 0 to `samples - 1`.
///
/// **Errors** `DataError`.
inline at::Tensor checked_order(at::Tensor order, std::int64_t samples, std::int64_t visits) {
  if (!order.defined()) {
    if (visits <= samples) return order;
    throw DataError(format_message(
        "The sampler returned an undefined order, which visits each of the {} samples once, but its count is {}.",
        {samples, visits}));
  }
  if (order.scalar_type() != at::kLong || !order.device().is_cpu() || order.dim() != 1 || order.size(0) != visits) {
    throw DataError(
        format_message("The sampler's order is a {} tensor with {} elements in {} dimensions on {}. Return an int64 "
                       "tensor with one dimension of {} indices on the CPU.",
                       {c10::toString(order.scalar_type()), order.numel(), order.dim(), order.device().str(), visits}));
  }
  order = order.contiguous().resolve_neg();
  const auto* indices = order.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < visits; ++i) {
    if (indices[i] < 0 || indices[i] >= samples) {
      throw DataError(format_message("The sampler's order has index {} at position {}, but the dataset has {} samples.",
                                     {indices[i], i, samples}));
    }
  }
  return order;
}

}  // namespace detail

static_assert(Sampler<SequentialSampler> && Sampler<RandomSampler> && Sampler<OptionalShuffle> &&
              Sampler<PyTorchSampler>);

}  // namespace hone
