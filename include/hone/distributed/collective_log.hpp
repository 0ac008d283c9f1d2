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

#include "hone/core/sentence.hpp"

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
    std::uint32_t mixed = 2'166'136'261U;  // FNV-1a
    const auto mix = [&](std::uint64_t value) {
      mixed = (mixed ^ static_cast<std::uint32_t>(value ^ (value >> 32))) * 16'777'619U;
    };
    for (const char letter : kind) mix(static_cast<unsigned char>(letter));
    mix(static_cast<std::uint64_t>(size));
    mix(static_cast<std::uint64_t>(type));
    return static_cast<std::uint32_t>(num_begun_ << 12) | (mixed >> 20);
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ++num_ended_;
  }

  /// Where the store holds what `find_difference` found.
  static constexpr const char* key = "different collectives";

  /// Called a few times a second. Compares the calls when one is under way for a second, and once when `has_failed`.
  /// Returns true when this process found a difference; a message for all of them is in the store then.
  bool find_difference(c10d::Store& store, int rank, bool has_failed) {
    std::vector<std::pair<std::uint64_t, std::string>> calls;
    {
      const std::lock_guard lock(mutex_);
      const auto now = std::chrono::steady_clock::now();
      if (num_ended_ == num_begun_ || num_ended_ != num_seen_) {
        num_seen_ = num_ended_;
        since_ = now;
        is_compared_ = false;
      }
      const bool is_stuck = num_ended_ != num_begun_ && now - since_ > std::chrono::seconds(1);
      if (is_found_ || (is_stuck && !is_compared_ ? false : !has_failed || is_compared_after_failure_)) return false;
      is_compared_ = true;
      is_compared_after_failure_ = has_failed;
      for (auto i = num_begun_ - std::min<std::uint64_t>(num_begun_, calls_.size()); i < num_begun_; ++i) {
        calls.emplace_back(i + 1, text_of(calls_[i % calls_.size()]));
      }
    }
    forget(store);
    for (const auto& [number, own] : calls) {
      const std::string name = "collective " + std::to_string(number);
      const std::string first = compare_set(store, name, sentence("{} {}", {rank, own}));
      const auto space = first.find(' ');
      const std::string_view theirs = std::string_view(first).substr(std::min(space + 1, first.size()));
      if (theirs == own) {
        if (first.substr(0, space) == std::to_string(rank)) posted_.push_back(name);
        continue;
      }
      is_found_ = true;
      compare_set(
          store, key,
          sentence("the processes make different collective calls. Call {} of the group is {} on rank {}, and {} on "
                   "rank {}. Make the same calls in every process, in the same order: end loops together, and save, "
                   "evaluate and predict in all of them.",
                   {number, theirs, first.substr(0, space), own, rank}));
      return true;
    }
    return false;
  }

 private:
  struct Call {
    std::string_view kind = {};
    std::int64_t size = 0;
    c10::ScalarType type = c10::ScalarType::Undefined;
    std::array<char, 48> purpose = {};
    std::size_t purpose_length = 0;
  };

  static std::string text_of(const Call& call) {
    const std::string_view purpose(call.purpose.data(), call.purpose_length);
    const std::string what = sentence("{} of {} {} elements", {call.kind, call.size, c10::toString(call.type)});
    if (purpose.empty() || purpose == call.kind) return "the " + what;
    return sentence("the {} ({})", {purpose, what});
  }
  static std::string compare_set(c10d::Store& store, const std::string& name, const std::string& text) {
    const auto value = store.compareSet(name, {}, std::vector<std::uint8_t>(text.begin(), text.end()));
    return {value.begin(), value.end()};
  }
  /// What this process posted before: those calls are done, or posted again.
  void forget(c10d::Store& store) {
    for (const auto& name : posted_) store.deleteKey(name);
    posted_.clear();
  }

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
