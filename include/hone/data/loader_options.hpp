// SPDX-License-Identifier: Apache-2.0
/// What can be said about how a dataset is cut into batches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

/// Which part of each batch is this process's, where many train together.
struct DataShare {
  int rank = 0;  ///< from 0 to world_size - 1
  int world_size = 1;

  friend bool operator==(const DataShare&, const DataShare&) = default;
};

/// How a dataset is cut into batches.
///
/// **Units** batch_size: samples in each process, at least 1. A dataset that is smaller makes one batch of what there
/// is.
struct LoaderOptions {
  std::int64_t batch_size = 8;
  bool shuffle = false;    ///< a new order in each epoch
  bool drop_last = false;  ///< leave out the last batch when it is shorter than the others
  std::uint64_t seed = 0;  ///< of the shuffled orders; the same in each process
  DataShare share = {};    ///< of this process; the whole unless given
};

namespace detail {

inline void check_share(const DataShare& share) {
  if (share.world_size >= 1 && share.rank >= 0 && share.rank < share.world_size) return;
  throw std::invalid_argument(
      sentence("The share of the data is that of process {} of {}. Give a world_size of 1 or more and a rank below it.",
               {share.rank, share.world_size}));
}

}  // namespace detail

/// The batch size that `asked` becomes for a dataset that may be smaller than one batch of all processes: at most as
/// much as brings all samples into one step, and at least 1.
///
/// **Errors** `std::invalid_argument` for a share that is none.
[[nodiscard]] inline std::int64_t fitting_batch_size(std::int64_t samples, std::int64_t asked, const DataShare& share) {
  detail::check_share(share);
  const std::int64_t whole = samples / share.world_size + (samples % share.world_size > 0);
  return std::clamp(whole, std::int64_t{1}, std::max(asked, std::int64_t{1}));
}

namespace detail {

/// **Errors** `std::invalid_argument` for options out of range, `DataError` for fewer samples than processes.
inline void check_options(std::int64_t samples, const LoaderOptions& options) {
  check_share(options.share);
  const int world_size = options.share.world_size;
  if (options.batch_size < 1) {
    throw std::invalid_argument(
        sentence("batch_size is {}. Give a number of samples, at least 1.", {options.batch_size}));
  }
  if (samples < 1) throw DataError("The dataset is empty. Give at least one sample.");
  if (samples < world_size) {
    throw DataError(sentence(
        "The dataset has {} samples for {} processes. Give at least one for each, or train with fewer processes.",
        {samples, world_size}));
  }
  if (!options.drop_last || options.batch_size <= samples / world_size) return;
  throw std::invalid_argument(sentence(
      "batch_size is {}{}, but the dataset has only {} samples, so drop_last would leave no batch. Give at most {}, or "
      "leave drop_last out.",
      {options.batch_size, world_size > 1 ? sentence(" in each of {} processes", {world_size}) : "", samples,
       samples / world_size}));
}

/// The options, with a batch size that fits.
///
/// **Errors** as above.
[[nodiscard]] inline LoaderOptions fitted(std::int64_t samples, LoaderOptions options) {
  check_options(samples, options);
  options.batch_size = fitting_batch_size(samples, options.batch_size, options.share);
  return options;
}

/// A loader takes its order from a sampler or from the options, never from both.
inline void check_no_shuffle(const LoaderOptions& options) {
  if (options.shuffle) {
    throw std::invalid_argument(
        "shuffle is set and a sampler is given. Keep one of the two: the sampler is the order.");
  }
}

}  // namespace detail

}  // namespace hone
