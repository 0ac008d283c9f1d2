// SPDX-License-Identifier: Apache-2.0
/// What is left of a pass through batches, for a run that goes on in the middle of an epoch.
#pragma once

#include <cstdint>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/data/loader.hpp"

namespace hone {

/// Optional ability: passes over batches without making them; see `TensorLoader::skip`.
template <class R>
concept SkipsBatches = BatchRange<R> && requires(R& range, std::int64_t count) { range.skip(count); };

namespace detail {

template <class R, class F>
class Remaining {
 public:
  static constexpr bool makes_batches_at_once = hone::makes_batches_at_once<R>;
  static constexpr bool makes_new_batches = hone::makes_new_batches<R>;

  Remaining(R&& range, std::int64_t num_passed, F before_next)
      : range_(std::forward<R>(range)), num_passed_(num_passed), before_next_(std::move(before_next)) {}

  auto begin() {
    auto batch = range_.begin();
    if (num_passed_ > 0) [[unlikely]]
      pass(batch);
    return batch;
  }
  auto end() { return range_.end(); }

 private:
  [[gnu::noinline]] void pass(auto& batch) {
    require(batch, 0);
    if constexpr (SkipsBatches<R>) {
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
  void require(auto& batch, std::int64_t num_seen) {
    if (batch != range_.end()) return;
    throw DataError(
        sentence("The run is to go on after batch {} of its epoch, and the loader gives {}. Give it the data that it "
                 "had.",
                 {num_passed_, num_seen}));
  }

  R range_;  // a reference where an lvalue was given
  std::int64_t num_passed_;
  F before_next_;
};

}  // namespace detail

/// The batches of one pass through `range` after its first `num_passed`, which are passed over as cheaply as the range
/// allows. `before_next` is called between those and the next one, unless `num_passed` is 0.
///
/// **Errors** `DataError` when the range ends before that.
template <BatchRange R, class F>
[[nodiscard]] auto remaining(R&& range, std::int64_t num_passed, F before_next) {
  return detail::Remaining<R, F>(std::forward<R>(range), num_passed, std::move(before_next));
}

}  // namespace hone
