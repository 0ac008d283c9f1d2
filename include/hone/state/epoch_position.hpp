// SPDX-License-Identifier: Apache-2.0
/// The position in an epoch, in samples of its order, from which a run resumes with any world size and batch size.
#pragma once

#include <cstdint>
#include <optional>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"
#include "hone/data/skip_batches.hpp"

namespace hone {

/// A type that can re-partition the rest of an epoch, and returns its batch size and its number of batches.
template <class R>
concept KnowsItsCut = Repartitionable<R> && requires(const R& range) {
  range.batch_size();
  range.size();
};

/// The position in the order of the current epoch. If world size and batch size are unchanged, a resumed run skips the
/// batches already consumed. Otherwise it re-partitions the remaining samples, and keeps that partition until the epoch
/// ends.
class EpochPosition {
 public:
  /// Returns the number of samples that all ranks together have consumed after `batches` batches of the epoch.
  template <KnowsItsCut R>
  [[nodiscard]] std::int64_t samples_after(const R& range, std::int64_t batches) const {
    return range.samples_after(batches - cut_batches_, cut_samples_);
  }

  /// Records the position after `batches` batches on each of `world_size` ranks.
  template <class R>
  void note(const R& range, std::int64_t batches, int world_size) {
    world_size_ = world_size;
    if constexpr (KnowsItsCut<R>) {
      batch_size_ = range.batch_size();
      samples_ = samples_after(range, batches);
    }
  }

  /// Resumes after `batches` batches, at the recorded position. Returns the number of batches that this epoch then has,
  /// if known. `num_batches` is the number of batches of a whole epoch, with the limit of the run, if known.
  ///
  /// **Errors** `DataError` if the epoch has fewer than `batches` batches, and if it must be re-partitioned but `range`
  /// or the recorded range does not support it.
  template <class R>
  [[nodiscard]] std::optional<std::int64_t> go_on(const R& range, std::int64_t batches, int world_size,
                                                  std::optional<std::int64_t> num_batches) {
    bool is_cut_anew = world_size_ != world_size || cut_batches_ > 0;
    if constexpr (KnowsItsCut<R>) {
      if (batch_size_ > 0 && batch_size_ != range.batch_size()) is_cut_anew = true;
      if (is_cut_anew && batch_size_ > 0) {
        cut_batches_ = batches;
        cut_samples_ = samples_;
        const auto left = range.batches_after(samples_);
        const bool is_limited = num_batches && *num_batches < static_cast<std::int64_t>(range.size());
        return is_limited && *num_batches < batches + left ? *num_batches : batches + left;
      }
    }
    if (is_cut_anew) {
      throw DataError(
          format_message("The run resumes in the middle of an epoch with {} processes, but the state was saved with "
                         "{}, and the loader cannot skip the processed samples. Resume with {} processes or from a "
                         "state between epochs, or pass a dataset or a loader with `resume_after`.",
                         {world_size, world_size_, world_size_}));
    }
    if (num_batches && batches > *num_batches) {
      throw DataError(format_message(
          "The run resumes after batch {} of the epoch, but the loader has {}. Resume with the same data.",
          {batches, *num_batches}));
    }
    return num_batches;
  }
  /// Returns the number of samples before the re-partitioned rest of the epoch; nothing without re-partitioning.
  [[nodiscard]] std::optional<std::int64_t> cut() const {
    return cut_batches_ > 0 ? std::optional(cut_samples_) : std::nullopt;
  }

  /// Saves or loads the position.
  void serialize(auto& archive) {
    serialize_count(archive, "batch_size", batch_size_);
    serialize_count(archive, "world_size", world_size_, 1);
    serialize_count(archive, "samples", samples_);
    serialize_count(archive, "cut_batches", cut_batches_);
    serialize_count(archive, "cut_samples", cut_samples_);
  }

 private:
  std::int64_t batch_size_ = 0;  ///< Per rank; 0 if the range is not `KnowsItsCut`.
  std::int64_t world_size_ = 1;
  std::int64_t samples_ = 0;      ///< Consumed by all ranks together.
  std::int64_t cut_batches_ = 0;  ///< Batches per rank before the re-partitioned rest; 0 without re-partitioning.
  std::int64_t cut_samples_ = 0;  ///< Samples of all ranks before the re-partitioned rest.
};

}  // namespace hone
