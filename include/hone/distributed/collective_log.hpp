// SPDX-License-Identifier: Apache-2.0
/// Finds processes that make different collective calls: one has left a loop and saves, say, and the others train on.
///
/// Such calls wait for each other until the time-out, and the backend cannot tell why. Each process notes its last
/// calls. When a call is not done within a second, or the group has failed, it compares them with the others' over the
/// store.
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

/// While it lives, what the collective calls of this thread are for. `what` outlives it.
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

/// The collective calls that one process makes in one group, by number. The backend calls `begin` and `end`, in any
/// thread; one other thread calls `find_difference`.
///
/// **Cost** in a call that is done within a second: two locks, no allocation.
class CollectiveLog {
 public:
  /// `kind` outlives this; `size` is in elements, and the same in every process of a right program.
  ///
  /// Returns a tag for the call's messages: another one for another number, kind, size or type. With it, messages of
  /// different calls never meet.
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

  /// Where the store holds what `find_difference` found.
  static constexpr const char* key = "different collectives";

  /// Called a few times a second. Compares the calls when one is under way for a second, and once when `has_failed`.
  /// Returns true when this process found a difference; a message for all of them is in the store then.
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
  /// What this process posted before: those calls are done, or posted again.
  void forget(c10d::Store& store);

  std::mutex mutex_;
  std::array<Call, 8> calls_;
  std::uint64_t num_begun_ = 0, num_ended_ = 0;
  // The thread's that compares:
  std::uint64_t num_seen_ = 0;
  std::chrono::steady_clock::time_point since_{};
  bool is_compared_ = false, is_compared_after_failure_ = false, is_found_ = false;
  std::vector<std::string> posted_;
};

}  // namespace hone::detail

#ifndef HONE_COMPILED_LIB
#include "hone/distributed/collective_log.ipp"
#endif
