// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#include "hone/core/config.hpp"
#include "hone/core/format_message.hpp"
#include "hone/distributed/failure_detector.hpp"
#include "hone/distributed/failure_log.hpp"

namespace hone {

/// The state that the thread shares with its owner. The thread may outlive the owner.
struct FailureDetector::Channel {
  Channel(c10::intrusive_ptr<c10d::Store> own_store, int own_rank, int size, Milliseconds limit,
          std::function<void()> interruption, std::shared_ptr<detail::CollectiveLog> calls)
      : store(std::move(own_store)),
        rank(own_rank),
        world_size(size),
        timeout(limit),
        interrupt(std::move(interruption)),
        collectives(std::move(calls)) {}

  const c10::intrusive_ptr<c10d::Store> store;
  const int rank, world_size;
  const Milliseconds timeout;
  const std::function<void()> interrupt;
  const std::shared_ptr<detail::CollectiveLog> collectives;

  std::mutex mutex;
  std::condition_variable woken, changed;
  bool is_woken = false, is_over = false, has_ended = false;
  bool listens_closely = false;
  bool has_spoken = false;      ///< This process has published why it leaves.
  bool has_noticed = false;     ///< This process has noticed an error, or leaves.
  bool is_lost = false;         ///< The store does not respond.
  bool has_failed = false;      ///< A rank has published a failure.
  std::string difference = {};  ///< The message about mismatched collective calls.
  std::string unsaid = {};
  bool is_failure_unsaid = false;
  Clock::time_point noticed = {}, failed = {};
  std::vector<detail::PeerStatus> heard = std::vector<detail::PeerStatus>(static_cast<std::size_t>(world_size));
  std::vector<Clock::time_point> came = std::vector<Clock::time_point>(heard.size());  ///< When a `waits` was read.
  std::int64_t rounds = 0;  ///< Completed polls of the store.

  // These require the lock:
  void notice() {
    if (!std::exchange(has_noticed, true)) noticed = Clock::now();
  }
  void wake() {
    is_woken = true;
    woken.notify_all();
  }
  void say(char kind, std::string_view text, bool is_failure) {
    unsaid += detail::line_of(kind, rank, text);
    is_failure_unsaid = is_failure_unsaid || is_failure;
    wake();
  }
  template <class Condition>
  void wait(std::unique_lock<std::mutex>& lock, Milliseconds limit, Condition condition) {
    changed.wait_for(lock, limit, [&] { return has_ended || is_lost || condition(); });
  }

  // The thread runs these:
  void listen() noexcept {
    const auto often = std::max(Milliseconds(10), Milliseconds(world_size / 2));
    const auto seldom = std::max(Milliseconds(250), Milliseconds(2 * world_size));
    bool has_answered = false;
    std::unique_lock lock(mutex);
    while (true) {
      woken.wait_for(lock, listens_closely ? often : seldom, [this] { return std::exchange(is_woken, false); });
      const std::string saying = unsaid;
      const bool says_failure = is_failure_unsaid, reads = listens_closely;
      bool now_failed = has_failed;
      const bool seeks_difference = difference.empty();
      std::string now_different;
      std::vector<detail::PeerStatus> now;
      lock.unlock();
      bool is_there = !is_lost;
      if (is_there) try {
          now_failed = now_failed || says_failure || store->check({"failures"});
          const bool differs = collectives && collectives->find_difference(*store, rank, now_failed);
          if (!saying.empty()) append(saying);
          if (says_failure || differs) store->set("failures", "1");
          now_failed = now_failed || differs;
          if ((now_failed || reads) && store->check({"words"}))
            now = detail::heard_in(store->get_to_str("words"), world_size);
          // Read after the messages, because a rank stores a difference before it appends its messages.
          if (now_failed && seeks_difference && store->check({detail::CollectiveLog::key}))
            now_different = store->get_to_str(detail::CollectiveLog::key);
          if (now_failed && !std::exchange(has_answered, true)) append(detail::line_of('A', rank, "here"));
        } catch (...) {
          is_there = false;
        }
      lock.lock();
      is_lost = !is_there;
      if (!now_different.empty()) difference = std::move(now_different);
      for (std::size_t other = 0; other < now.size(); ++other) {
        if (heard[other].waits.empty() && !now[other].waits.empty()) came[other] = Clock::now();
      }
      if (!now.empty()) heard = std::move(now);
      if (is_there) {
        unsaid.erase(0, saying.size());
        if (says_failure) is_failure_unsaid = false;
        ++rounds;
      }
      if (now_failed && !std::exchange(has_failed, true)) failed = Clock::now();
      changed.notify_all();
      if (is_lost ? is_over || !has_failed : is_over && unsaid.empty()) break;  // rank 0 may have left before this rank
      if (!has_failed || has_noticed || Clock::now() < failed + interruption_after) continue;
      if (Clock::now() > failed + timeout) end_process();
      if (interrupt) {
        lock.unlock();
        interrupt();
        lock.lock();
      }
    }
    has_ended = true;
    changed.notify_all();
  }
  void append(const std::string& text) { store->append("words", std::vector<std::uint8_t>(text.begin(), text.end())); }

  [[noreturn]] void end_process() const noexcept {
    std::fputs(
        format_message(
            "hone: rank {} of {} did not handle the failure of the process group within {} ms and is terminated.{}\n",
            {rank, world_size, timeout.count(), what_happened()})
            .c_str(),
        stderr);
    std::_Exit(EXIT_FAILURE);
  }
  [[nodiscard]] std::string what_happened() const {
    std::string reasons, waits;
    for (int other = 0; other < world_size; ++other) {
      const auto& word = heard[static_cast<std::size_t>(other)];
      if (!word.failed.empty()) reasons += format_message(" Rank {} failed: {}", {other, word.failed});
      if (!word.waits.empty() && waits.empty())
        waits = format_message(" Rank {} waited in the {}.", {other, word.waits});
    }
    return reasons.empty() ? waits : reasons;
  }
};

HONE_INLINE FailureDetector::FailureDetector(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world_size,
                                             Milliseconds timeout, std::function<void()> interrupt,
                                             std::shared_ptr<detail::CollectiveLog> collectives)
    : channel_(
          std::make_shared<Channel>(store, rank, world_size, timeout, std::move(interrupt), std::move(collectives))),
      thread_([channel = channel_] { channel->listen(); }) {}

HONE_INLINE void FailureDetector::publish(std::string_view reason) noexcept {
  try {
    std::unique_lock lock(channel_->mutex);
    channel_->notice();
    if (std::exchange(channel_->has_spoken, true)) return;
    channel_->say('F', reason, /*is_failure=*/true);
    channel_->wait(lock, patience, [this] { return channel_->unsaid.empty(); });
  } catch (...) {  // no memory for the message
  }
}

HONE_INLINE std::string FailureDetector::explain(std::string_view collective, std::string_view original) noexcept {
  try {
    return format_message("Rank {} of {} aborted the {}: {}",
                          {channel_->rank, channel_->world_size, collective, suspects(collective, original)});
  } catch (...) {
    return "A collective failed, and no memory is left to format the reason.";
  }
}

HONE_INLINE void FailureDetector::leave() noexcept {
  if (!thread_.joinable()) return;
  try {
    std::unique_lock lock(channel_->mutex);
    channel_->notice();
    channel_->say(channel_->has_spoken ? 'E' : 'L', "left", /*is_failure=*/false);
    if (channel_->rank == 0) {
      channel_->listens_closely = true;
      const auto begin = channel_->noticed;
      channel_->wait(lock, patience, [&] { return others_may_do_without(Clock::now() - begin); });
    }
    channel_->is_over = true;
    channel_->wake();
    const bool has_ended = channel_->changed.wait_for(lock, patience / 2, [this] { return channel_->has_ended; });
    lock.unlock();
    has_ended ? thread_.join() : thread_.detach();  // it waits for a store that does not respond
  } catch (...) {
    std::abort();  // a mutex that cannot be locked
  }
}

HONE_INLINE bool FailureDetector::others_may_do_without(Clock::duration waited) const {
  for (std::size_t other = 1; other < channel_->heard.size(); ++other) {
    const auto& word = channel_->heard[other];
    const bool needs_nothing = word.answers ? word.waits.empty() : waited > quiet();
    if (!word.left && !word.ended && !(channel_->has_failed && needs_nothing)) return false;
  }
  return true;
}

HONE_INLINE FailureDetector::Milliseconds FailureDetector::grace() const {
  return std::min(channel_->timeout, Milliseconds(3000));
}

HONE_INLINE FailureDetector::Milliseconds FailureDetector::quiet() const {
  return std::min(grace(), Milliseconds(1000));
}

HONE_INLINE std::string FailureDetector::suspects(std::string_view collective, std::string_view original) {
  std::unique_lock lock(channel_->mutex);
  channel_->notice();
  channel_->listens_closely = true;
  if (!std::exchange(channel_->has_spoken, true)) channel_->say('W', collective, /*is_failure=*/true);
  const auto rounds = channel_->rounds;
  const auto begin = Clock::now();
  while (true) {
    const bool is_heard = channel_->rounds > rounds;
    if (auto text = diagnose(original, Clock::now() - begin, is_heard); !text.empty()) return text;
    channel_->changed.wait_for(lock, Milliseconds(50));
  }
}

HONE_INLINE std::string FailureDetector::diagnose(std::string_view original, Clock::duration waited,
                                                  bool is_heard) const {
  std::string failed;
  std::vector<int> left, gone, late, too_late;
  for (int other = 0; other < channel_->world_size; ++other) {
    if (other == channel_->rank) continue;
    const auto& word = channel_->heard[static_cast<std::size_t>(other)];
    if (!word.failed.empty()) {
      failed += format_message("{}Rank {} failed: {}", {failed.empty() ? "" : " ", other, word.failed});
    } else if (word.left) {
      left.push_back(other);
    } else if (word.waits.empty()) {
      (word.answers ? late : gone).push_back(other);
    } else if (channel_->came[static_cast<std::size_t>(other)] - channel_->noticed > quiet() / 2) {
      too_late.push_back(other);
    }
  }
  if (!failed.empty()) return failed;
  if (!channel_->difference.empty()) return channel_->difference;
  const bool is_lost = channel_->is_lost || channel_->has_ended || (!is_heard && waited > grace());
  if (const auto& keeper = channel_->heard[0]; is_lost && keeper.waits.empty() && !keeper.left) {
    return format_message(
        "rank 0, which hosts the store of the group, does not respond. It was killed or stopped, its machine or "
        "network failed, or it exited before the other ranks. ({})",
        {original});
  }
  if (!is_heard && !is_lost) return {};
  if (!left.empty()) {
    return format_message(
        "{} had already left the group without an error. Make the same collective calls on every rank. ({})",
        {detail::named(left), original});
  }
  if (gone.empty() && late.empty() && channel_->has_failed && channel_->noticed - channel_->failed > quiet() / 2) {
    return format_message(
        "the other ranks had stopped waiting for this rank. It was later than the timeout of {} ms, which the "
        "communicator's option timeout sets. ({})",
        {channel_->timeout.count(), original});
  }
  if (gone.empty() && late.empty() && !too_late.empty()) {
    return format_message(
        "{} arrived too late: after the timeout of {} ms, which the communicator's option timeout sets. ({})",
        {detail::named(too_late), channel_->timeout.count(), original});
  }
  if (gone.empty() && late.empty()) return format_message("no rank reported a failure. ({})", {original});
  if (!gone.empty() && (is_lost || waited > quiet())) {
    return format_message(
        "{} did not arrive and did not respond: killed or stopped, or the machine or network failed. ({})",
        {detail::named(gone), original});
  }
  if (!is_lost && waited <= grace()) return {};
  return format_message(
      "{} did not arrive but did respond: hanging, or later than the timeout of {} ms, which the communicator's option "
      "timeout sets. ({})",
      {detail::named(late), channel_->timeout.count(), original});
}

}  // namespace hone
