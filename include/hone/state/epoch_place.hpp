// SPDX-License-Identifier: Apache-2.0
/// How far an epoch has come, in samples of its order: from there other processes, and batches of another size, go on.
#pragma once

#include <cstdint>
#include <optional>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/core/serialize.hpp"
#include "hone/data/remaining.hpp"

namespace hone {

/// A range that can be cut anew, and says how it is cut.
template <class R>
concept KnowsItsCut = CutsAnew<R> && requires(const R& range) {
  range.batch_size();
  range.size();
};

/// The place of the epoch at hand in its order. An epoch that goes on with the processes and batches that it had is
/// passed over by batches. One that goes on with others is cut anew from there on, and stays so.
class EpochPlace {
 public:
  /// How many samples have passed, in all processes, after `batches` batches of the epoch.
  template <KnowsItsCut R>
  [[nodiscard]] std::int64_t samples_after(const R& range, std::int64_t batches) const {
    return range.samples_after(batches - cut_batches_, cut_samples_);
  }

  /// Takes down the place after `batches` batches of one of `world_size` processes.
  template <class R>
  void note(const R& range, std::int64_t batches, int world_size) {
    world_size_ = world_size;
    if constexpr (KnowsItsCut<R>) {
      batch_size_ = range.batch_size();
      samples_ = samples_after(range, batches);
    }
  }

  /// Goes on after `batches` batches of the epoch as it was noted; how many batches it then has, where `range` knows.
  /// `num_batches` are those of a whole epoch, under a limit as the case may be.
  ///
  /// **Errors** `DataError` for fewer batches than there were, and where nobody knows where others are to go on.
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
          sentence("The run is to go on in the middle of an epoch with {} processes, was saved with {}, and nobody "
                   "knows which samples have passed. Go on with {}, or from a state between epochs; a dataset, or a "
                   "loader with `go_on_after`, could go on with any number.",
                   {world_size, world_size_, world_size_}));
    }
    if (num_batches && batches > *num_batches) {
      throw DataError(sentence(
          "The run is to go on after batch {} of its epoch, and the loader gives {}. Give it the data that it had.",
          {batches, *num_batches}));
    }
    return num_batches;
  }
  /// The samples that the epoch was cut anew after; nothing for one that is as it began.
  [[nodiscard]] std::optional<std::int64_t> cut() const {
    return cut_batches_ > 0 ? std::optional(cut_samples_) : std::nullopt;
  }

  /// Shows the place to an archive. One of a file that knows nothing of places is that of a process alone.
  void serialize(auto& archive) {
    serialize_count(archive, "batch_size", batch_size_);
    serialize_count(archive, "world_size", world_size_, 1);
    serialize_count(archive, "samples", samples_);
    serialize_count(archive, "cut_batches", cut_batches_);
    serialize_count(archive, "cut_samples", cut_samples_);
  }

 private:
  std::int64_t batch_size_ = 0;  ///< Of one process; 0 where nobody knows.
  std::int64_t world_size_ = 1;
  std::int64_t samples_ = 0;      ///< That have passed, in all processes.
  std::int64_t cut_batches_ = 0;  ///< Batches after which the epoch was cut anew,
  std::int64_t cut_samples_ = 0;  ///< and samples.
};

}  // namespace hone
