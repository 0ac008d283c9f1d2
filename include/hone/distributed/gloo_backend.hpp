// SPDX-License-Identifier: Apache-2.0
/// The gloo inside LibTorch, with ways out of what is under way.
///
/// LibTorch's wheel has gloo's code and none of its headers. The few types that LibTorch's own header names, and never
/// looks into, are declared in `without_gloo`; a LibTorch with gloo's headers uses those.
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

/// In this thread, and in those that it starts meanwhile for as long as they run, writing to a connection that was
/// closed is an error. Otherwise it is a signal that ends the program, and gloo lets it come.
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

/// What becomes of a collective: gloo's word, or that it was interrupted, whichever comes first.
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
        std::make_exception_ptr(std::runtime_error("gloo was interrupted, because the group has failed")));
  }

 private:
  Future future_;
  std::atomic<bool> is_settled_ = false;
};

/// The collectives under way.
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
  /// The time-out is that of the collective.
  bool wait(std::chrono::milliseconds) override {
    future_->waitAndThrow();
    return true;
  }
  void synchronize() override { future_->waitAndThrow(); }
  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return future_; }

 private:
  GlooOutcome::Future future_;
};

/// gloo, whose collectives can be interrupted. LibTorch's cannot, and it loses the error of a message that is being
/// sent when its connection breaks: such a collective would last until the time-out.
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

  /// Lets whoever waits for a collective go, with an exception. May be called in any thread, whatever has become of
  /// this.
  [[nodiscard]] std::function<void()> interruption() const {
    return [outcomes = outcomes_] { outcomes->interrupt(); };
  }
  [[nodiscard]] const std::shared_ptr<CollectiveLog>& collectives() const { return collectives_; }
  /// The same, and closes the connections to all others. gloo does that when a receive comes to nothing.
  void abort() override {
    const BrokenPipesAreErrors guard;
    for (int peer = 0; peer < size_; ++peer) {
      if (peer == rank_) continue;
      try {
        Tensors nothing{at::zeros({1}, at::kByte)};
        recv(nothing, peer, /*tag=*/0)->wait(std::chrono::milliseconds(1));
      } catch (const std::exception&) {  // as meant
      }
    }
    outcomes_->interrupt();
  }

 private:
  /// gloo ends the program when a message is longer than expected, and takes any other for the right one. So the messages
  /// of different calls get different tags: calls that do not match wait, and the log says which they are.
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
