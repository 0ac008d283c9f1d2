// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/core/config.hpp"
#include "hone/core/format_message.hpp"
#include "hone/distributed/collective_log.hpp"

namespace hone::detail {

HONE_INLINE bool CollectiveLog::find_difference(c10d::Store& store, int rank, bool has_failed) {
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
    const std::string first = compare_set(store, name, format_message("{} {}", {rank, own}));
    const auto space = first.find(' ');
    const std::string_view theirs = std::string_view(first).substr(std::min(space + 1, first.size()));
    if (theirs == own) {
      if (first.substr(0, space) == std::to_string(rank)) posted_.push_back(name);
      continue;
    }
    is_found_ = true;
    compare_set(store, key,
                format_message("the ranks make different collective calls. Call {} of the group is {} on rank {}, and "
                               "{} on rank {}. Make the same calls in the same order on every rank: end loops after "
                               "the same batch, and save, evaluate and predict on all ranks.",
                               {number, theirs, first.substr(0, space), own, rank}));
    return true;
  }
  return false;
}

HONE_INLINE std::string CollectiveLog::text_of(const Call& call) {
  const std::string_view purpose(call.purpose.data(), call.purpose_length);
  const std::string what = format_message("{} of {} {} elements", {call.kind, call.size, c10::toString(call.type)});
  if (purpose.empty() || purpose == call.kind) return "the " + what;
  return format_message("the {} ({})", {purpose, what});
}

HONE_INLINE std::string CollectiveLog::compare_set(c10d::Store& store, const std::string& name,
                                                   const std::string& text) {
  const auto value = store.compareSet(name, {}, std::vector<std::uint8_t>(text.begin(), text.end()));
  return {value.begin(), value.end()};
}

HONE_INLINE void CollectiveLog::forget(c10d::Store& store) {
  for (const auto& name : posted_) store.deleteKey(name);
  posted_.clear();
}

}  // namespace hone::detail
