// SPDX-License-Identifier: Apache-2.0
/// Brings the number of an epoch to loaders that are behind a view, a zip or any other range.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace hone {

/// The epoch in force on a thread.
struct ScopedEpoch {
  std::int64_t number = 0;
  std::uint64_t scope = 0;  ///< Unique; 0 outside of all scopes.
};

/// While it lives, the first pass that each loader begins on this thread is that of `epoch`; further passes count up
/// from there. So the order of a shuffled loader depends on the epoch even where `set_epoch` does not reach the loader,
/// and a run that is resumed has the batches that it would have had.
class EpochScope {
 public:
  explicit EpochScope(std::int64_t epoch) : EpochScope(ScopedEpoch{epoch, ++num_scopes}) {}
  /// The same epoch, on another thread that walks through the same range.
  explicit EpochScope(ScopedEpoch epoch) : before_(std::exchange(current_epoch, epoch)) {}
  EpochScope(const EpochScope&) = delete;
  EpochScope& operator=(const EpochScope&) = delete;
  ~EpochScope() { current_epoch = before_; }

  [[nodiscard]] static ScopedEpoch current() { return current_epoch; }

 private:
  inline static std::atomic<std::uint64_t> num_scopes = 0;
  inline static thread_local ScopedEpoch current_epoch = {};

  ScopedEpoch before_;
};

}  // namespace hone
