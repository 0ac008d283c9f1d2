// SPDX-License-Identifier: Apache-2.0
/// Detection of mismatched collective calls, for example when one rank saves while all other ranks still train.
///
/// Mismatched calls deadlock until the time-out, and the backend cannot name the cause. Each rank records its last 8
/// calls. When no call completes for a second, or the group has failed, the ranks compare their records over the store.
#pragma once

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <utility>
#include <vector>

#include "hone/core/fnv1a.hpp"

namespace hone::detail {

/// RAII: while it lives, labels the collective calls of this thread with `what`, which must outlive it.
class CollectivePurpose {
 public:
  explicit CollectivePurpose(std::string_view what) : outer_(std::exchange(current(), what)) {}
  CollectivePurpose(const CollectivePurpose&) = delete;
  CollectivePurpose& operator=(const CollectivePurpose&) = delete;
  ~CollectivePurpose() { current() = outer_; }

  static std::string_view& current() {
    thread_local std::string_view what;
    return what;
  }

 private:
  std::string_view outer_;
};

/// A record of the last 8 collective calls of one rank in one group. `begin` and `end` are thread-safe; the backend
/// calls them. One other thread calls `find_difference`.
///
/// **Cost** of a call that completes within a second: two locks, no allocation.
class CollectiveLog {
 public:
  /// Records the start of a call. `kind` must outlive this object. `size` is the number of elements, which a correct
  /// program passes identically on every rank.
  ///
  /// Returns a tag for the call's messages: the low 20 bits of the call's number and 12 bits of a hash of kind, size
  /// and type. Mismatched calls have different tags, except for a hash collision in one of 4096 cases.
  std::uint32_t begin(std::string_view kind, std::int64_t size, c10::ScalarType type) {
    const std::lock_guard lock(mutex_);
    Call& call = calls_[num_begun_++ % calls_.size()];
    call.kind = kind;
    call.size = size;
    call.type = type;
    const std::string_view purpose = CollectivePurpose::current();
    call.purpose_length = std::min(purpose.size(), call.purpose.size());
    std::copy_n(purpose.begin(), call.purpose_length, call.purpose.begin());
    std::uint64_t print = fnv1a(kind);
    print = (print ^ static_cast<std::uint64_t>(size)) * 0x9E3779B97F4A7C15U;
    print = (print ^ static_cast<std::uint64_t>(type)) * 0x9E3779B97F4A7C15U;
    return static_cast<std::uint32_t>(num_begun_ << 12) | static_cast<std::uint32_t>(print >> 52);
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ++num_ended_;
  }

  /// The key of the message that `find_difference` stores.
  static constexpr const char* key = "different collectives";

  /// Compares the recorded calls with all other ranks: once when no pending call has completed for a second, and once
  /// when `has_failed`. Poll it a few times a second. Returns true if it found a difference; the store then contains a
  /// message.
  bool find_difference(c10d::Store& store, int rank, bool has_failed);

 private:
  struct Call {
    std::string_view kind = {};
    std::int64_t size = 0;
    c10::ScalarType type = c10::ScalarType::Undefined;
    std::array<char, 48> purpose = {};
    std::size_t purpose_length = 0;
  };

  static std::string text_of(const Call& call);
  static std::string compare_set(c10d::Store& store, const std::string& name, const std::string& text);
  /// Deletes the entries that this rank stored before. Their calls have completed or are stored again.
  void forget(c10d::Store& store);

  std::mutex mutex_;
  std::array<Call, 8> calls_;
  std::uint64_t num_begun_ = 0, num_ended_ = 0;
  // Accessed only by the thread that calls `find_difference`:
  std::uint64_t num_seen_ = 0;
  std::chrono::steady_clock::time_point since_{};
  bool is_compared_ = false, is_compared_after_failure_ = false, is_found_ = false;
  std::vector<std::string> posted_;
};

}  // namespace hone::detail

#ifndef HONE_COMPILED_LIB
#include "hone/distributed/collective_log.ipp"
#endif
