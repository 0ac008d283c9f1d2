// SPDX-License-Identifier: Apache-2.0
/// The position of a loader in its epoch: the order, and the samples of the current batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/type_name.hpp"
#include "hone/data/epoch_partition.hpp"
#include "hone/data/epoch_scope.hpp"
#include "hone/data/loader_options.hpp"
#include "hone/data/sampler.hpp"
#include "hone/data/unshard_permutation.hpp"

namespace hone::detail {

/// Iterates over one rank's shard of the order of each epoch, one batch per step.
template <Sampler S>
class EpochCursor {
 public:
  EpochCursor(std::int64_t samples, const LoaderOptions& options, S sampler)
      : sampler_(std::move(sampler)),
        samples_(samples),
        visits_(visits(sampler_, samples)),
        options_(checked(options)),
        whole_(0, visits_, options_),
        partition_(whole_) {}

  [[nodiscard]] std::int64_t batches() const { return whole_.batches(); }
  [[nodiscard]] std::int64_t batch_size() const { return options_.batch_size; }
  [[nodiscard]] const LoaderOptions& options() const { return options_; }
  [[nodiscard]] std::int64_t samples() const { return samples_; }
  [[nodiscard]] const DataShard& share() const { return options_.share; }
  /// Returns the largest width of a batch, wherever an epoch resumes.
  [[nodiscard]] std::int64_t most() const { return options_.batch_size + (options_.share.world_size > 1); }
  [[nodiscard]] std::int64_t last_width() const { return partition_.last_width(); }

  /// **Errors** `std::invalid_argument` if the sampler may visit the samples in another order than as stored.
  [[nodiscard]] at::Tensor unshard_permutation() const {
    if constexpr (!std::same_as<S, SequentialSampler> && !std::same_as<S, OptionalShuffle>) {
      throw std::invalid_argument(
          format_message("The loader's sampler is {}, which may change the order of the samples. Use "
                         "hone::SequentialSampler to restore the order of the dataset in gathered rows.",
                         {type_name<S>()}));
    }
    return hone::unshard_permutation(samples_, options_);
  }

  void set_epoch(std::int64_t epoch) {
    epoch_ = epoch;
    scope_ = EpochScope::current().scope;
  }

  /// Draws the order of the next epoch and moves before its first batch.
  ///
  /// **Errors** `DataError` if the sampler's order is invalid.
  void start() {
    if (const auto now = EpochScope::current(); now.scope != 0 && std::exchange(scope_, now.scope) != now.scope) {
      epoch_ = now.number;
    }
    order_ = checked_order(sampler_.order(samples_, epoch_), samples_, visits_);
    indices_ = order_.defined() ? order_.template data_ptr<std::int64_t>() : nullptr;
    ++epoch_;
    partition_ = whole_;
    batch_ = -1;
    width_ = 0;
  }

  /// Moves to the next batch. Returns false at the end of the epoch.
  bool advance() {
    if (++batch_ >= partition_.batches()) {
      batch_ = partition_.batches();
      width_ = 0;
      return false;
    }
    first_ = partition_.first(batch_);
    width_ = partition_.width(batch_);
    return true;
  }

  /// Skips `count` batches.
  void skip(std::int64_t count) { batch_ += count; }

  /// Partitions the order again after its first `samples` samples and moves before the first of the new batches.
  void resume_after(std::int64_t samples) {
    partition_ = after(samples);
    batch_ = -1;
  }
  /// Returns the number of batches after the first `samples` samples of the order.
  [[nodiscard]] std::int64_t batches_after(std::int64_t samples) const { return after(samples).batches(); }
  /// Returns the number of samples of the order that all ranks have consumed after `batches` batches of an epoch that
  /// resumed after `samples`. Includes `samples`; all samples of the order once no batch is left.
  [[nodiscard]] std::int64_t samples_after(std::int64_t batches, std::int64_t samples) const {
    if (batches >= batches_after(samples)) return visits_;
    return samples + batches * options_.batch_size * options_.share.world_size;
  }

  [[nodiscard]] bool done() const { return width_ == 0; }
  [[nodiscard]] std::int64_t first() const { return first_; }
  [[nodiscard]] std::int64_t width() const { return width_; }

  /// Returns the order of the epoch; undefined for the order as stored.
  [[nodiscard]] const at::Tensor& order() const { return order_; }
  /// Returns the indices of the current batch's samples; null if these are the `width()` samples from `first()`.
  [[nodiscard]] const std::int64_t* indices() const { return indices_ == nullptr ? nullptr : indices_ + first_; }

 private:
  [[nodiscard]] LoaderOptions checked(const LoaderOptions& options) const {
    if constexpr (UsesGlobalGenerator<S>) {
      if (options.share.world_size > 1) refuse_global_generator(type_name<S>(), options.share.world_size);
    }
    return fitted(visits_, options);
  }
  [[nodiscard]] EpochPartition after(std::int64_t samples) const {
    if (samples < 0 || samples > visits_) {
      throw DataError(format_message(
          "The run resumes after {} samples of the epoch, but the epoch has {}. Resume with the same data.",
          {samples, visits_}));
    }
    const std::int64_t left = visits_ - samples;
    if (left > 0 && left < options_.share.world_size && !options_.drop_last) {
      throw DataError(
          format_message("The resumed epoch has {} samples left for {} processes. Resume with at most {}, or from "
                         "another training state.",
                         {left, options_.share.world_size, left}));
    }
    return {samples, visits_, options_};
  }

  S sampler_;
  std::int64_t samples_, visits_;
  LoaderOptions options_;
  EpochPartition whole_, partition_;  // of an epoch from its beginning; of this epoch
  std::int64_t epoch_ = 0, batch_ = -1, first_ = 0, width_ = 0;
  std::uint64_t scope_ = 0;  // the scope in which the epoch was set last
  at::Tensor order_;
  const std::int64_t* indices_ = nullptr;
};

}  // namespace hone::detail
