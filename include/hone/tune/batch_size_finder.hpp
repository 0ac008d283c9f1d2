// SPDX-License-Identifier: Apache-2.0
/// `find_batch_size`, which finds the largest batch size that fits into memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>

#include "hone/core/format_message.hpp"
#include "hone/data/batch.hpp"
#include "hone/data/loader.hpp"
#include "hone/step/out_of_memory.hpp"
#include "hone/tune/trial_run.hpp"

namespace hone {

/// The search strategy of `find_batch_size`.
enum class BatchSizeSearch {
  power,   ///< Doubles the size until it does not fit; the result is the last size that fits.
  binary,  ///< As `power`, then bisects between the last size that fits and the first that does not.
};

/// Options of `find_batch_size`.
///
/// **Units** start, max: samples; max defaults to the size of the dataset and is limited by it. num_updates: optimizer
/// updates with each size.
/// **Errors** `std::invalid_argument` for values out of range.
struct BatchSizeFinderOptions {
  std::int64_t start = 2;
  std::optional<std::int64_t> max = {};
  std::int64_t num_updates = 3;
  BatchSizeSearch mode = BatchSizeSearch::power;  ///< The search strategy.
  int num_threads = 0;                            ///< As in `TrialRunOptions`.

  /// Throws `std::invalid_argument` for values out of range.
  void check() const {
    detail::require_at_least("start", start, 1);
    detail::require_at_least("max", max, start);
    detail::require_at_least("num_updates", num_updates, 1);
  }
};

namespace detail {

template <class Dataset>
struct batch_size_of_batches {
  static_assert(
      sizeof(Dataset) == 0,
      "hone: find_batch_size needs a dataset with size() and get(i). The batch size of a range of batches is fixed.");
};

/// Throws `std::invalid_argument` with several ranks: if memory ran out on one of them, all remaining ranks would wait.
inline void require_one_process(int world_size) {
  if (world_size == 1) return;
  throw std::invalid_argument(format_message(
      "find_batch_size was called by {} ranks: if one rank runs out of memory, the other ranks wait for it. "
      "Find the batch size in a single process with the same model, and pass it to all ranks.",
      {world_size}));
}

}  // namespace detail

/// Returns the largest batch size with which updates fit into memory. Doubles the size until memory runs out or `max`
/// is reached. Restores the trainer; see `trial_run`.
///
/// **Errors** `std::invalid_argument` for options out of range and with several ranks; `std::runtime_error`, with
/// LibTorch's error nested in it, if `start` does not fit; all other exceptions of a step, unchanged.
/// **Source** PyTorch Lightning's batch size finder, modes "power" and "binsearch".
/// **Example** `const auto size = hone::find_batch_size(trainer, train_set, {.mode = hone::BatchSizeSearch::binary});`
template <class Trainer, class Dataset>
[[nodiscard]] std::int64_t find_batch_size(Trainer& trainer, Dataset&& dataset,
                                           const BatchSizeFinderOptions& options = {}) {
  if constexpr (!IndexedDataset<Dataset>) {
    static_cast<void>(sizeof(detail::batch_size_of_batches<Dataset>));
    return 0;
  } else {
    options.check();
    detail::require_one_process(trainer.world_size());
    const auto samples = static_cast<std::int64_t>(sample_count(dataset));
    const std::int64_t limit = std::min(options.max.value_or(samples), samples);
    if (options.start > limit) {
      throw std::invalid_argument(format_message(
          "start is {}, but the dataset has only {} samples. Set it to at most {}.", {options.start, samples, limit}));
    }
    const auto fits = [&](std::int64_t size) {
      try {
        trial_run(
            trainer, dataset,
            {.num_updates = options.num_updates,
             .per_device_batch_size = size,
             .drop_last = true,
             .num_threads = options.num_threads},
            [](std::int64_t) {}, [](std::int64_t, double) { return true; });
        return true;
      } catch (const std::exception& error) {
        if (!is_out_of_memory(error)) throw;
        if (size == options.start) {
          std::throw_with_nested(std::runtime_error(format_message(
              "Batches of {} samples do not fit into memory. Set a smaller start, or use a smaller model.", {size})));
        }
      }
      release_cached_memory();  // not in the handler, where the exception is alive
      return false;
    };
    std::int64_t largest = options.start, too_large = limit + 1;
    static_cast<void>(fits(largest));
    while (largest < limit) {
      const std::int64_t next = largest > limit / 2 ? limit : 2 * largest;
      if (!fits(next)) {
        too_large = next;
        break;
      }
      largest = next;
    }
    while (options.mode == BatchSizeSearch::binary && largest + 1 < too_large) {
      const std::int64_t middle = largest + (too_large - largest) / 2;
      (fits(middle) ? largest : too_large) = middle;
    }
    return largest;
  }
}
template <detail::InvalidTrainer Trainer, class Dataset>  // an error explains it already
[[nodiscard]] std::int64_t find_batch_size(Trainer&, Dataset&&, const BatchSizeFinderOptions& = {});

}  // namespace hone
