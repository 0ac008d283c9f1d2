// SPDX-License-Identifier: Apache-2.0
/// Who failed, and why: the processes of a group tell each other over a store, beside the collectives, which can only
/// say that something went wrong.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "hone/core/sentence.hpp"

namespace hone {

/// One process's view of the failures in its group.
///
/// A process that fails publishes its reason. One whose collective broke publishes what it waited in, and asks for the
/// others' reasons: who has neither failed nor waits is the one that is gone. A thread looks for failures of others four
/// times a second; when there is one and this process does not come to notice, in a loop that never ends, say, the
/// thread ends the process after the group's time-out.
///
/// **Cost** nothing in a collective that succeeds.
class Failures {
 public:
  using Milliseconds = std::chrono::milliseconds;

  Failures(c10::intrusive_ptr<c10d::Store> store, int rank, int world_size, Milliseconds timeout)
      : store_(std::move(store)), rank_(rank), world_size_(world_size), timeout_(timeout) {
    watch_ = std::thread([this] { watch(); });
  }
  Failures(const Failures&) = delete;
  Failures& operator=(const Failures&) = delete;
  ~Failures() { leave(); }

  /// Tells the others why this process leaves. Does nothing once it has left.
  void publish(std::string_view reason) noexcept {
    if (has_published_.exchange(true)) return;
    try {
      store_->set(key("failed", rank_), std::string(reason));
      store_->add("failures", 1);
    } catch (...) {  // the store went with the process that kept it
    }
  }

  /// What is to be said of a collective that broke: who is at fault, as far as can be found out. Waits for the others'
  /// word, at most three seconds.
  [[nodiscard]] std::string explain(std::string_view collective, std::string_view original) noexcept {
    try {
      return sentence("Rank {} of {} left the {}: {}", {rank_, world_size_, collective, culprits(collective, original)});
    } catch (...) {
      return "The store of the group cannot be reached: rank 0, which keeps it, is gone.";
    }
  }

  /// The watch ends; nobody ends this process any more. Rank 0, which keeps the store, lets the others leave first, and
  /// waits two seconds for them at most.
  void leave() noexcept {
    if (!watch_.joinable()) return;
    bool is_gone = false;
    {
      const std::lock_guard lock(mutex_);
      is_gone = std::exchange(left_, true);
    }
    woken_.notify_all();
    watch_.join();
    if (is_gone) return;
    try {
      const auto deadline = std::chrono::steady_clock::now() + std::min(timeout_, Milliseconds(2000));
      const std::int64_t others = world_size_ - 1;
      std::int64_t left = store_->add("left", rank_ == 0 ? 0 : 1);
      while (rank_ == 0 && left < others && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(Milliseconds(5));
        left = store_->add("left", 0);
      }
    } catch (...) {  // the store is gone
    }
  }

 private:
  static std::string key(const char* kind, int rank) { return std::string(kind) + "/" + std::to_string(rank); }

  [[nodiscard]] std::string culprits(std::string_view collective, std::string_view original) {
    std::string silent;
    try {
      store_->set(key("waits", rank_), std::string(collective));
      if (!has_published_.exchange(true)) store_->add("failures", 1);
      const auto deadline = std::chrono::steady_clock::now() + std::min(timeout_, Milliseconds(3000));
      while (true) {
        std::string failed;
        silent.clear();
        for (int rank = 0; rank < world_size_; ++rank) {
          if (rank == rank_) continue;
          if (store_->check({key("failed", rank)})) {
            failed += sentence(" Rank {} failed: {}", {rank, store_->get_to_str(key("failed", rank))});
          } else if (!store_->check({key("waits", rank)})) {
            silent += (silent.empty() ? "" : ", ") + std::to_string(rank);
          }
        }
        if (!failed.empty()) return failed.substr(1);
        if (silent.empty()) return "no process failed, the connection did: " + std::string(original);
        if (std::chrono::steady_clock::now() > deadline) break;
        std::this_thread::sleep_for(Milliseconds(20));
      }
    } catch (...) {
      if (silent.empty()) silent = "0";  // it keeps the store
    }
    return sentence(
        "rank {} did not come. It was killed, or hangs, or is further behind than the time-out of {} ms, which the "
        "communicator's option timeout sets. ({})",
        {silent, timeout_.count(), original});
  }

  void watch() {
    bool is_failed = false;
    std::chrono::steady_clock::time_point last_moment;
    std::unique_lock lock(mutex_);
    while (!woken_.wait_for(lock, Milliseconds(250), [this] { return left_; })) {
      lock.unlock();
      if (!is_failed && !has_published_ && has_failed_elsewhere()) {
        is_failed = true;
        last_moment = std::chrono::steady_clock::now() + timeout_;
      }
      if (is_failed && std::chrono::steady_clock::now() > last_moment) {
        const auto reason = failed_elsewhere();
        std::fputs(sentence("hone: rank {} of {} did not notice within {} ms that the group has failed, and is ended. {}\n",
                            {rank_, world_size_, timeout_.count(), reason})
                       .c_str(),
                   stderr);
        std::_Exit(EXIT_FAILURE);
      }
      lock.lock();
    }
  }
  /// Ends the watch when the store is gone: so it goes when rank 0 comes to its end, too.
  [[nodiscard]] bool has_failed_elsewhere() noexcept {
    try {
      return store_->check({"failures"});
    } catch (...) {
      const std::lock_guard lock(mutex_);
      left_ = true;
      return false;
    }
  }
  [[nodiscard]] std::string failed_elsewhere() noexcept {
    std::string failed;
    try {
      for (int rank = 0; rank < world_size_; ++rank) {
        if (rank != rank_ && store_->check({key("failed", rank)})) {
          failed += sentence("Rank {} failed: {} ", {rank, store_->get_to_str(key("failed", rank))});
        }
      }
    } catch (...) {
      failed = "Rank 0, which keeps the store of the group, is gone.";
    }
    return failed;
  }

  c10::intrusive_ptr<c10d::Store> store_;
  int rank_, world_size_;
  Milliseconds timeout_;
  std::atomic<bool> has_published_ = false;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool left_ = false;
  std::thread watch_;
};

}  // namespace hone
