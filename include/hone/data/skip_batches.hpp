// SPDX-License-Identifier: Apache-2.0
/// The rest of a pass through batches, for a run that resumes in the middle of an epoch.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/loader.hpp"

namespace hone {

/// Optional: skips batches without making them; see `TensorLoader::skip`.
template <class R>
concept SkipsBatches = BatchRange<R> && requires(R& range, std::int64_t count) { range.skip(count); };

/// Optional: resumes an epoch after a number of samples, if the preceding batches had another size; see
/// `TensorLoader::resume_after`.
template <class R>
concept Repartitionable = BatchRange<R> && requires(R& range, std::int64_t count) {
  range.resume_after(count);
  { range.batches_after(count) } -> std::same_as<std::int64_t>;
  { range.samples_after(count, count) } -> std::same_as<std::int64_t>;
};

namespace detail {

template <class R, class F>
class SkippedBatches {
 public:
  static constexpr bool makes_batches_at_once = hone::makes_batches_at_once<R>;
  static constexpr bool makes_new_batches = hone::makes_new_batches<R>;

  SkippedBatches(R&& range, std::int64_t num_passed, F before_next, std::optional<std::int64_t> samples_passed)
      : range_(std::forward<R>(range)),
        num_passed_(num_passed),
        samples_passed_(samples_passed),
        before_next_(std::move(before_next)) {}

  auto begin() {
    auto batch = range_.begin();
    if (num_passed_ > 0 || samples_passed_) [[unlikely]]
      pass(batch);
    return batch;
  }
  auto end() { return range_.end(); }

 private:
  [[gnu::noinline]] void pass(auto& batch) {
    require(batch, 0);
    if (samples_passed_) {
      resume_after(*samples_passed_);
    } else if constexpr (SkipsBatches<R>) {
      range_.skip(num_passed_ - 1);
    } else {
      for (std::int64_t i = 1; i < num_passed_; ++i) {
        ++batch;
        require(batch, i);
      }
    }
    before_next_();
    ++batch;
  }
  void resume_after(std::int64_t samples) {
    if constexpr (Repartitionable<R>) {
      range_.resume_after(samples);
    } else {
      throw DataError(
          format_message("The run resumes after {} samples of the epoch with another batch size or number of "
                         "processes, which this range of batches does not support. Pass a dataset, or resume with the "
                         "same batch size and number of processes.",
                         {samples}));
    }
  }
  void require(auto& batch, std::int64_t num_seen) {
    if (batch != range_.end()) return;
    throw DataError(
        format_message("The run resumes after batch {} of the epoch, but the loader has {}. Resume with the same data.",
                       {num_passed_, num_seen}));
  }

  R range_;  // a reference if the range was passed as an lvalue
  std::int64_t num_passed_;
  std::optional<std::int64_t> samples_passed_;
  F before_next_;
};

}  // namespace detail

/// Returns the batches of one pass through `range` after the first `num_passed`. If that is above 0, `begin()` makes
/// the first batch, skips the next `num_passed - 1` (with `skip` if `range` has it), calls `before_next` and makes the
/// next batch.
///
/// If the passed batches had another size or number of ranks, `samples_passed` is the number of samples of the epoch's
/// order after which the pass resumes instead.
///
/// **Errors** `DataError` if the range ends too early (not detected by `skip`) or lacks a required `resume_after`.
template <BatchRange R, class F>
[[nodiscard]] auto skip_batches(R&& range, std::int64_t num_passed, F before_next,
                                std::optional<std::int64_t> samples_passed = std::nullopt) {
  return detail::SkippedBatches<R, F>(std::forward<R>(range), num_passed, std::move(before_next), samples_passed);
}

}  // namespace hone
