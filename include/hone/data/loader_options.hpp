// SPDX-License-Identifier: Apache-2.0
/// The options of a loader: batch size, order and shard.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

/// The shard of one rank: its part of the samples of each step.
struct DataShard {
  int rank = 0;        ///< from 0 to world_size - 1
  int world_size = 1;  ///< The number of ranks.

  friend bool operator==(const DataShard&, const DataShard&) = default;
};

/// The partition of a dataset into batches. As in PyTorch's `DataLoader`, the stored order is the default. `train`
/// shuffles a dataset by default and draws a seed; a loader repeats its shuffled orders in each run of the program,
/// unless it is given another seed, and the seed of `train` does not change its order.
///
/// **Units** batch_size: samples per rank, at least 1. Loaders limit it to an epoch's samples per rank, rounded up.
struct LoaderOptions {
  std::int64_t batch_size = 8;
  bool shuffle = false;    ///< a new order in each epoch
  bool drop_last = false;  ///< leaves out the samples at the end that do not fill a batch on each rank
  std::uint64_t seed = 0;  ///< of the shuffled orders; must be the same on each rank
  DataShard share = {};    ///< the shard of this rank; by default the whole dataset
};

namespace detail {

inline void check_share(const DataShard& share) {
  if (share.world_size >= 1 && share.rank >= 0 && share.rank < share.world_size) return;
  throw std::invalid_argument(
      format_message("LoaderOptions::share has rank {} and world_size {}. Set world_size to 1 or greater, and rank to "
                     "a number from 0 to world_size - 1.",
                     {share.rank, share.world_size}));
}

}  // namespace detail

/// Returns the requested batch size `asked`, limited to the range from 1 to `samples / world_size`, rounded up: a step
/// of that size has all samples.
///
/// **Errors** `std::invalid_argument` unless `share` has a `world_size` of at least 1 and a rank below it.
[[nodiscard]] inline std::int64_t fitting_batch_size(std::int64_t samples, std::int64_t asked, const DataShard& share) {
  detail::check_share(share);
  const std::int64_t whole = samples / share.world_size + (samples % share.world_size > 0);
  return std::clamp(whole, std::int64_t{1}, std::max(asked, std::int64_t{1}));
}

namespace detail {

/// Throws if a loader cannot use these options.
///
/// **Errors** `std::invalid_argument` for options out of range, `DataError` for no sample or fewer samples than ranks.
inline void check_options(std::int64_t samples, const LoaderOptions& options) {
  check_share(options.share);
  const int world_size = options.share.world_size;
  if (options.batch_size < 1) {
    throw std::invalid_argument(format_message("batch_size is {}. Set it to 1 or greater.", {options.batch_size}));
  }
  if (samples < 1) throw DataError("The dataset is empty. Pass at least one sample.");
  if (samples < world_size) {
    throw DataError(
        format_message("The dataset has {} samples for {} processes. Pass at least one sample for each process, or "
                       "train with fewer processes.",
                       {samples, world_size}));
  }
  if (!options.drop_last || options.batch_size <= samples / world_size) return;
  throw std::invalid_argument(format_message(
      "batch_size is {}{}, but the dataset has only {} samples, so drop_last would leave no batch. Set batch_size to "
      "at most {}, or remove drop_last.",
      {options.batch_size, world_size > 1 ? format_message(" in each of {} processes", {world_size}) : "", samples,
       samples / world_size}));
}

/// Returns the options with the batch size of `fitting_batch_size`.
///
/// **Errors** as `check_options`.
[[nodiscard]] inline LoaderOptions fitted(std::int64_t samples, LoaderOptions options) {
  check_options(samples, options);
  options.batch_size = fitting_batch_size(samples, options.batch_size, options.share);
  return options;
}

/// Throws `std::invalid_argument` if `shuffle` is set, for a loader that gets its order from a sampler.
inline void check_no_shuffle(const LoaderOptions& options) {
  if (options.shuffle) {
    throw std::invalid_argument("shuffle is set, but the sampler determines the order. Remove shuffle or the sampler.");
  }
}

}  // namespace detail

}  // namespace hone
