// SPDX-License-Identifier: Apache-2.0
/// The thread that calls MPI for a group.
///
/// LibTorch expects a future from a collective, but MPI makes progress only while the program calls it. Therefore one
/// thread dequeues the collectives, starts each without blocking, and polls MPI until the oldest has completed. Several
/// collectives are pending concurrently, such as buckets of gradients during backward. They complete in order.
///
/// Polling uses a core, but MPI sends the next part of a message only when it is called. The thread polls without a
/// pause for 50 us, then with pauses of 1/256 of the time that it has waited, from 10 us to 1 ms. A new collective
/// wakes it.
#pragma once

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <utility>
#include <vector>

#include "hone/distributed/mpi_library.hpp"

namespace hone::detail {

/// The handle of a submitted collective.
class MpiWork final : public c10d::Work {
 public:
  MpiWork(c10d::OpType type, std::vector<at::Tensor> outputs)
      : Work(-1, type),
        outputs_(std::move(outputs)),
        future_(c10::make_intrusive<c10::ivalue::Future>(c10::ListType::create(c10::TensorType::get()))) {}

  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return future_; }
  std::vector<at::Tensor> result() override { return outputs_; }

  void complete() {
    future_->markCompleted(c10::IValue(outputs_));
    finish();
  }
  void fail(const std::exception_ptr& error) {
    future_->setError(error);
    finish(error);
  }

 private:
  std::vector<at::Tensor> outputs_;
  c10::intrusive_ptr<c10::ivalue::Future> future_;
};

/// A collective. `begin` starts MPI operations and appends their requests, `end` runs once they have completed; both
/// run on the worker's thread. They own the memory that MPI reads and writes.
struct MpiCollective {
  const char* name;
  std::int64_t size;  // elements
  std::chrono::milliseconds timeout;
  c10::intrusive_ptr<MpiWork> work;
  std::function<void(std::vector<MPI_Request>&)> begin;
  std::function<void()> end;

  std::int64_t number = 0;
  std::chrono::steady_clock::time_point submitted{};
  std::vector<MPI_Request> requests{};
  std::size_t num_done = 0;
};

/// Executes a group's collectives on a thread. **Errors** None are thrown: an error fails all pending and all later
/// collectives, because the state of the communicator on other ranks is then unknown.
class MpiWorker {
 public:
  /// Returns a reason to cancel the pending collectives, if there is one.
  using Interruption = std::function<std::optional<std::string>()>;

  /// Starts the thread. `rank` and `world_size` are for messages. It calls `interruption` four times a second while a
  /// collective is pending.
  MpiWorker(int rank, int world_size, Interruption interruption = {})
      : rank_(rank), world_size_(world_size), interruption_(std::move(interruption)), thread_([this] { run(); }) {}
  MpiWorker(const MpiWorker&) = delete;
  MpiWorker& operator=(const MpiWorker&) = delete;
  /// Fails the pending collectives, without waiting for other ranks.
  ~MpiWorker() {
    abort("The group was closed.");
    stop();
  }

  void submit(MpiCollective collective) {
    {
      const std::lock_guard lock(mutex_);
      collective.number = ++num_submitted_;
      collective.submitted = Clock::now();
      if (stops_) fail("The group was shut down.");
      queue_.push_back(std::move(collective));
      if (has_ended_) return refuse(queue_);
    }
    called_.notify_one();
  }

  /// Fails all pending and later collectives with a `DistributedError`, with the message `reason` unless they failed
  /// before.
  void abort(const std::string& reason) {
    {
      const std::lock_guard lock(mutex_);
      fail(reason);
    }
    called_.notify_one();
  }

  /// Waits for the pending collectives, then ends the thread.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stops_ = true;
    }
    called_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  /// Returns whether some MPI requests may never complete. Call it after `stop`.
  [[nodiscard]] bool has_lost_requests() const { return has_lost_requests_; }

 private:
  using Clock = std::chrono::steady_clock;
  using Collectives = std::deque<MpiCollective>;

  void run() {
#ifdef __linux__
    prctl(PR_SET_TIMERSLACK, /*ns=*/1000UL);  // otherwise each pause takes 50 us longer
#endif
    const at::NoGradGuard no_grad;
    Collectives arrived;
    Collectives under_way;
    Collectives done;
    auto last_progress = Clock::now();
    while (true) {
      std::optional<std::string> failure;
      {
        std::unique_lock lock(mutex_);
        const auto is_called = [&] { return !queue_.empty() || failure_.has_value(); };
        if (under_way.empty()) {
          called_.wait(lock, [&] { return stops_ || !queue_.empty(); });
          if (queue_.empty()) {
            has_ended_ = true;
            return;
          }
          last_progress = Clock::now();
        } else if (const auto waited = Clock::now() - last_progress; waited > std::chrono::microseconds(50)) {
          called_.wait_for(lock, pause_after(waited), is_called);
        }
        arrived.swap(queue_);
        failure = failure_;
      }
      if (!failure) failure = begin_and_ask(arrived, under_way, done);
      if (!done.empty()) last_progress = Clock::now();
      for (; !done.empty(); done.pop_front()) {
        done.front().end();
        done.front().work->complete();
      }
      if (!failure) failure = lateness(under_way);
      if (failure) {
        give_up(*failure, under_way);
        give_up(*failure, arrived);
      } else if (!under_way.empty()) {
        std::this_thread::yield();
      }
    }
  }

  static Clock::duration pause_after(Clock::duration waited) {
    return std::clamp<Clock::duration>(waited / 256, std::chrono::microseconds(10), std::chrono::milliseconds(1));
  }

  /// Starts the collectives in `arrived`, and moves completed ones to `done`. Returns the error, if any.
  std::optional<std::string> begin_and_ask(Collectives& arrived, Collectives& under_way, Collectives& done) const {
    const MpiCollective* at = nullptr;
    try {
      const auto turn = MpiLibrary::turn();
      if (!MpiLibrary::is_running()) return "MPI was finalized before the collectives of the group completed.";
      for (; !arrived.empty(); arrived.pop_front()) {
        at = &under_way.emplace_back(std::move(arrived.front()));
        under_way.back().begin(under_way.back().requests);
      }
      while (!under_way.empty()) {
        at = &under_way.front();
        if (!is_done(under_way.front())) break;
        done.push_back(std::move(under_way.front()));
        under_way.pop_front();
      }
    } catch (const std::exception& error) {
      return format_message("{} failed on rank {} of {}: {}", {described(*at), rank_, world_size_, error.what()});
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<std::string> lateness(const Collectives& under_way) {
    if (under_way.empty()) return std::nullopt;
    const auto& oldest = under_way.front();
    const auto now = Clock::now();
    if (now - oldest.submitted > oldest.timeout) {
      return format_message(
          "{} did not complete within {} s on rank {} of {}. Another rank exited, hangs, or makes different collective "
          "calls. Set a longer timeout if the ranks only need more time.",
          {described(oldest), std::chrono::duration<double>(oldest.timeout).count(), rank_, world_size_});
    }
    if (interruption_ && now - std::max(last_asked_, oldest.submitted) > std::chrono::milliseconds(250)) {
      last_asked_ = now;
      if (const auto why = interruption_()) {
        return format_message("{} was aborted on rank {} of {}: {}", {described(oldest), rank_, world_size_, *why});
      }
    }
    return std::nullopt;
  }

  static bool is_done(MpiCollective& collective) {
    for (auto& done = collective.num_done; done < collective.requests.size(); ++done) {
      int flag = 0;
      check_mpi(MPI_Request_get_status(collective.requests[done], &flag, MPI_STATUS_IGNORE), "MPI_Request_get_status");
      if (flag == 0) return false;
      const WorldReturnsErrors guard;
      check_mpi(MPI_Test(&collective.requests[done], &flag, MPI_STATUS_IGNORE), "MPI_Test");
    }
    return true;
  }

  static std::string described(const MpiCollective& collective) {
    return format_message("The {} of {} elements (collective {} of the group)",
                          {collective.name, collective.size, collective.number});
  }

  void fail(const std::string& reason) {
    if (!failure_) failure_ = reason;
  }

  /// Fails the collectives. Leaks the memory of incomplete ones, because MPI may still write to it.
  void give_up(const std::string& reason, Collectives& collectives) {
    if (collectives.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      fail(reason);
    }
    refuse(collectives);
  }
  void refuse(Collectives& collectives) {
    static auto* kept = new std::vector<MpiCollective>;
    static std::mutex kept_mutex;
    while (!collectives.empty()) {
      auto collective = std::move(collectives.front());
      collectives.pop_front();
      collective.work->fail(std::make_exception_ptr(DistributedError(*failure_)));
      if (collective.num_done == collective.requests.size()) continue;
      has_lost_requests_ = true;
      MpiLibrary::set_failed();
      const std::lock_guard lock(kept_mutex);
      kept->push_back(std::move(collective));
    }
  }

  const int rank_;
  const int world_size_;
  const Interruption interruption_;
  Clock::time_point last_asked_{};
  mutable std::mutex mutex_;
  std::condition_variable called_;
  Collectives queue_;
  std::optional<std::string> failure_;
  std::int64_t num_submitted_ = 0;
  bool stops_ = false;
  bool has_ended_ = false;
  bool has_lost_requests_ = false;  // accessed by the thread, and after `stop`
  std::thread thread_;              // last: it uses all of the above
};

}  // namespace hone::detail
