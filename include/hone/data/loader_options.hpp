// SPDX-License-Identifier: Apache-2.0
/// What can be said about how a dataset is cut into batches.
#pragma once

#include <cstdint>
#include <stdexcept>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

/// How a dataset is cut into batches.
///
/// **Units** batch_size: samples, at least 1 and at most those of the dataset.
struct LoaderOptions {
  std::int64_t batch_size = 8;
  bool shuffle = false;    ///< a new order in each epoch
  bool drop_last = false;  ///< leave out the last batch when it is shorter than the others
  std::uint64_t seed = 0;  ///< of the shuffled orders
};

namespace detail {

/// The number of batches that `samples` samples make.
inline std::int64_t count_batches(std::int64_t samples, const LoaderOptions& options) {
  if (options.batch_size < 1) {
    throw std::invalid_argument(
        sentence("batch_size is {}. Give a number of samples, at least 1.", {options.batch_size}));
  }
  if (samples < 1) throw DataError("The dataset is empty. Give at least one sample.");
  if (options.batch_size > samples) {
    throw std::invalid_argument(sentence(
        "batch_size is {}, but the dataset has only {} samples{}. Give at most {}.",
        {options.batch_size, samples, options.drop_last ? ", so drop_last would leave no batch" : "", samples}));
  }
  return options.drop_last ? samples / options.batch_size : (samples - 1) / options.batch_size + 1;
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
