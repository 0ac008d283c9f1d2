// SPDX-License-Identifier: Apache-2.0
/// The place in an epoch that hone's loaders share: whose turn it is, and how many samples make the next batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/core/type_name.hpp"
#include "hone/data/epoch_cut.hpp"
#include "hone/data/epoch_scope.hpp"
#include "hone/data/loader_options.hpp"
#include "hone/data/sampler.hpp"

namespace hone::detail {

/// Walks through one process's share of the order of one epoch after the other in steps of a batch.
template <Sampler S>
class EpochWalk {
 public:
  EpochWalk(std::int64_t samples, const LoaderOptions& options, S sampler)
      : sampler_(std::move(sampler)),
        samples_(samples),
        visits_(visits(sampler_, samples)),
        options_(checked(options)),
        whole_(0, visits_, options_),
        cut_(whole_) {}

  [[nodiscard]] std::int64_t batches() const { return whole_.batches(); }
  [[nodiscard]] std::int64_t batch_size() const { return options_.batch_size; }
  [[nodiscard]] const LoaderOptions& options() const { return options_; }
  [[nodiscard]] std::int64_t samples() const { return samples_; }
  [[nodiscard]] const DataShare& share() const { return options_.share; }
  /// No batch is wider, wherever an epoch goes on.
  [[nodiscard]] std::int64_t most() const { return options_.batch_size + (options_.share.world_size > 1); }
  [[nodiscard]] std::int64_t last_width() const { return cut_.last_width(); }

  void set_epoch(std::int64_t epoch) {
    epoch_ = epoch;
    scope_ = EpochScope::current().scope;
  }

  /// Draws the next epoch's order and stands before its first batch.
  void start() {
    if (const auto now = EpochScope::current(); now.scope != 0 && std::exchange(scope_, now.scope) != now.scope) {
      epoch_ = now.number;
    }
    order_ = checked_order(sampler_.order(samples_, epoch_), samples_, visits_);
    indices_ = order_.defined() ? order_.template data_ptr<std::int64_t>() : nullptr;
    ++epoch_;
    cut_ = whole_;
    batch_ = -1;
    width_ = 0;
  }

  /// Goes to the next batch; false when the epoch is over.
  bool advance() {
    if (++batch_ >= cut_.batches()) {
      batch_ = cut_.batches();
      width_ = 0;
      return false;
    }
    first_ = cut_.first(batch_);
    width_ = cut_.width(batch_);
    return true;
  }

  /// Passes over `count` batches.
  void skip(std::int64_t count) { batch_ += count; }

  /// Stands behind the first `samples` of the order, before the first batch of what is left, which is cut anew.
  void go_on_after(std::int64_t samples) {
    cut_ = after(samples);
    batch_ = -1;
  }
  /// The batches that are left behind the first `samples` of the order.
  [[nodiscard]] std::int64_t batches_after(std::int64_t samples) const { return after(samples).batches(); }
  /// How much of the order has passed, in all processes, after `batches` batches of an epoch that went on after
  /// `samples`.
  [[nodiscard]] std::int64_t samples_after(std::int64_t batches, std::int64_t samples) const {
    if (batches >= batches_after(samples)) return visits_;
    return samples + batches * options_.batch_size * options_.share.world_size;
  }

  [[nodiscard]] bool done() const { return width_ == 0; }
  [[nodiscard]] std::int64_t first() const { return first_; }
  [[nodiscard]] std::int64_t width() const { return width_; }

  /// The epoch's order, undefined when it is that of the dataset.
  [[nodiscard]] const at::Tensor& order() const { return order_; }
  /// The samples of this batch, null when they are `first()` and those after it.
  [[nodiscard]] const std::int64_t* indices() const { return indices_ == nullptr ? nullptr : indices_ + first_; }

 private:
  [[nodiscard]] LoaderOptions checked(const LoaderOptions& options) const {
    if constexpr (UsesGlobalGenerator<S>) {
      if (options.share.world_size > 1) refuse_global_generator(type_name<S>(), options.share.world_size);
    }
    return fitted(visits_, options);
  }
  [[nodiscard]] EpochCut after(std::int64_t samples) const {
    if (samples < 0 || samples > visits_) {
      throw DataError(sentence("The epoch is to go on after {} samples, and has {}. Give it the data that it had.",
                               {samples, visits_}));
    }
    const std::int64_t left = visits_ - samples;
    if (left > 0 && left < options_.share.world_size && !options_.drop_last) {
      throw DataError(sentence(
          "Of the epoch that is to go on, {} samples are left for {} processes. Go on with at most {}, or from "
          "another training state.",
          {left, options_.share.world_size, left}));
    }
    return {samples, visits_, options_};
  }

  S sampler_;
  std::int64_t samples_, visits_;
  LoaderOptions options_;
  EpochCut whole_, cut_;  // of a whole epoch; of this one
  std::int64_t epoch_ = 0, batch_ = -1, first_ = 0, width_ = 0;
  std::uint64_t scope_ = 0;  // the last one that chose the epoch
  at::Tensor order_;
  const std::int64_t* indices_ = nullptr;
};

}  // namespace hone::detail
