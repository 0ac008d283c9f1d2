// SPDX-License-Identifier: Apache-2.0
/// A scope that passes the number of an epoch to loaders behind a view, a zip or any other range.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace hone {

/// The current epoch of a thread.
struct ScopedEpoch {
  std::int64_t number = 0;  ///< The number of the epoch.
  std::uint64_t scope = 0;  ///< Unique; 0 outside of all scopes.
};

/// An RAII scope for an epoch. During its lifetime, the first pass that each loader starts on this thread has the
/// number `epoch`, and further passes count up from there; `set_epoch` within the scope has precedence. So the order of
/// a shuffled loader depends on the epoch even where `set_epoch` cannot reach the loader, and a resumed run has the
/// same batches as an uninterrupted run.
class EpochScope {
 public:
  explicit EpochScope(std::int64_t epoch) : EpochScope(ScopedEpoch{epoch, ++num_scopes}) {}
  /// Continues the scope `epoch` on another thread that iterates over the same range.
  explicit EpochScope(ScopedEpoch epoch) : before_(std::exchange(current_epoch, epoch)) {}
  EpochScope(const EpochScope&) = delete;
  EpochScope& operator=(const EpochScope&) = delete;
  ~EpochScope() { current_epoch = before_; }

  /// Returns the innermost scope of this thread, to continue it on another thread.
  [[nodiscard]] static ScopedEpoch current() { return current_epoch; }

 private:
  inline static std::atomic<std::uint64_t> num_scopes = 0;
  inline static thread_local ScopedEpoch current_epoch = {};

  ScopedEpoch before_;
};

}  // namespace hone
