// SPDX-License-Identifier: Apache-2.0
/// The gloo inside LibTorch, with collectives that can be interrupted.
///
/// LibTorch's wheel contains gloo's code, but not its headers. `gloo_stubs` declares the few types that LibTorch's
/// own header names and never uses otherwise. If LibTorch has gloo's headers, those are included instead.
#pragma once

#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif

#include <ATen/core/ivalue.h>
#include <ATen/ops/zeros.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>
#include <vector>

#include "hone/distributed/collective_log.hpp"

namespace hone::detail {

/// RAII: blocks SIGPIPE in this thread, and permanently in threads that it starts meanwhile, which inherit the signal
/// mask. A write to a closed connection is then an error. Otherwise the signal ends the program, because gloo does not
/// suppress it.
class BrokenPipesAreErrors {
 public:
  BrokenPipesAreErrors() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t before;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before);
    was_blocked_ = sigismember(&before, SIGPIPE) == 1;
  }
  BrokenPipesAreErrors(const BrokenPipesAreErrors&) = delete;
  BrokenPipesAreErrors& operator=(const BrokenPipesAreErrors&) = delete;
  ~BrokenPipesAreErrors() {
    if (was_blocked_) return;
    const timespec at_once{};
    while (sigtimedwait(&pipe_, nullptr, &at_once) > 0) {
    }
    pthread_sigmask(SIG_UNBLOCK, &pipe_, nullptr);
  }

 private:
  sigset_t pipe_;
  bool was_blocked_ = false;
};

/// The future of a collective. `become` (gloo's result) or `interrupt` completes it, whichever is called first.
/// Thread-safe.
class GlooOutcome {
 public:
  using Future = c10::intrusive_ptr<c10::ivalue::Future>;

  GlooOutcome() : future_(c10::make_intrusive<c10::ivalue::Future>(c10::ListType::create(c10::TensorType::get()))) {}

  [[nodiscard]] const Future& future() const { return future_; }
  void become(c10::ivalue::Future& done) {
    if (is_settled_.exchange(true)) return;
    done.hasError() ? future_->setError(done.exception_ptr()) : future_->markCompleted(done.value());
  }
  void interrupt() {
    if (is_settled_.exchange(true)) return;
    future_->setError(
        std::make_exception_ptr(std::runtime_error("gloo was interrupted because the process group failed")));
  }

 private:
  Future future_;
  std::atomic<bool> is_settled_ = false;
};

/// The pending collectives. Thread-safe.
class GlooOutcomes {
 public:
  void add(std::shared_ptr<GlooOutcome> outcome) {
    const std::lock_guard lock(mutex_);
    std::erase_if(under_way_, [](const auto& each) { return each->future()->completed(); });
    under_way_.push_back(std::move(outcome));
  }
  void interrupt() {
    std::vector<std::shared_ptr<GlooOutcome>> all;
    {
      const std::lock_guard lock(mutex_);
      all.swap(under_way_);
    }
    for (const auto& each : all) each->interrupt();
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<GlooOutcome>> under_way_;
};

class GlooWork final : public c10d::Work {
 public:
  GlooWork(c10d::OpType type, GlooOutcome::Future future) : Work(-1, type), future_(std::move(future)) {}

  bool isCompleted() override { return future_->completed(); }
  bool isSuccess() const override { return future_->completed() && !future_->hasError(); }
  std::exception_ptr exception() const override { return future_->exception_ptr(); }
  /// Ignores its argument: the collective's time-out applies.
  bool wait(std::chrono::milliseconds) override {
    future_->waitAndThrow();
    return true;
  }
  void synchronize() override { future_->waitAndThrow(); }
  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return future_; }

 private:
  GlooOutcome::Future future_;
};

/// LibTorch's Gloo backend with collectives that can be interrupted. LibTorch's backend does not report the error of a
/// pending send whose connection breaks, so that the collective would block until its time-out.
class GlooBackend final : public c10d::ProcessGroupGloo {
 public:
  using ProcessGroupGloo::ProcessGroupGloo;
  using Made = c10::intrusive_ptr<c10d::Work>;
  using Tensors = std::vector<at::Tensor>;

  Made allreduce(Tensors& tensors, const c10d::AllreduceOptions& options) override {
    begin("all-reduce", tensors);
    return followed(ProcessGroupGloo::allreduce(tensors, options), c10d::OpType::ALLREDUCE);
  }
  Made broadcast(Tensors& tensors, const c10d::BroadcastOptions& options) override {
    begin("broadcast", tensors);
    return followed(ProcessGroupGloo::broadcast(tensors, options), c10d::OpType::BROADCAST);
  }
  Made reduce(Tensors& tensors, const c10d::ReduceOptions& options) override {
    begin("reduce", tensors);
    return followed(ProcessGroupGloo::reduce(tensors, options), c10d::OpType::REDUCE);
  }
  Made allgather(std::vector<Tensors>& all, Tensors& tensors, const c10d::AllgatherOptions& options) override {
    begin("all-gather", tensors);
    return followed(ProcessGroupGloo::allgather(all, tensors, options), c10d::OpType::ALLGATHER);
  }

  /// Returns a function that fails all pending collectives, so that their waiters get an exception. The function is
  /// thread-safe and may outlive the backend.
  [[nodiscard]] std::function<void()> interruption() const {
    return [outcomes = outcomes_] { outcomes->interrupt(); };
  }
  [[nodiscard]] const std::shared_ptr<CollectiveLog>& collectives() const { return collectives_; }
  /// Closes the connections to all other ranks, which gloo does when a receive times out. Then fails all pending
  /// collectives.
  void abort() override {
    const BrokenPipesAreErrors guard;
    for (int peer = 0; peer < size_; ++peer) {
      if (peer == rank_) continue;
      try {
        Tensors nothing{at::zeros({1}, at::kByte)};
        recv(nothing, peer, /*tag=*/0)->wait(std::chrono::milliseconds(1));
      } catch (const std::exception&) {  // expected: the time-out of 1 ms
      }
    }
    outcomes_->interrupt();
  }

 private:
  /// Sets a tag for the messages of the next call. Without tags, gloo aborts the program when a message of another call
  /// is too long, and accepts any other message. With tags, mismatched calls block, and the log identifies them.
  void begin(const char* kind, const Tensors& tensors) {
    std::int64_t size = 0;
    for (const auto& tensor : tensors) size += tensor.numel();
    collectiveCounter_ = collectives_->begin(kind, size, tensors.empty() ? at::kByte : tensors[0].scalar_type());
  }
  [[nodiscard]] Made followed(const Made& work, c10d::OpType type) {
    auto outcome = std::make_shared<GlooOutcome>();
    outcomes_->add(outcome);
    work->getFuture()->addCallback([outcome, calls = collectives_](c10::ivalue::Future& done) {
      if (!done.hasError()) calls->end();
      outcome->become(done);
    });
    return c10::make_intrusive<GlooWork>(type, outcome->future());
  }

  std::shared_ptr<GlooOutcomes> outcomes_ = std::make_shared<GlooOutcomes>();
  std::shared_ptr<CollectiveLog> collectives_ = std::make_shared<CollectiveLog>();
};

}  // namespace hone::detail
