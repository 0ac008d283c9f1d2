// SPDX-License-Identifier: Apache-2.0
/// A graceful stop of a run on a signal.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "hone/callbacks/events.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

namespace detail {

/// The state of a watched signal. The signal handler writes only `has_come`; a mutex guards everything else.
struct WatchedSignal {
  std::atomic<bool> has_come = false;
  int num_watches = 0;
  struct sigaction before{};  ///< The action before the signal was watched.
};

/// Records signals during its lifetime. Construction and destruction are thread-safe, and lifetimes can overlap: the
/// first watch of a signal installs the handler, and the last watch restores the previous action.
class SignalWatch {
 public:
  /// **Errors** `std::invalid_argument` for a signal that cannot be caught; then no signal is watched.
  explicit SignalWatch(const std::vector<int>& signals) {
    const std::lock_guard lock(mutex_);
    for (const int signal : signals) {
      if (add(signal)) continue;
      remove_all();
      throw std::invalid_argument(
          format_message("StopOnSignal::signals contains {}, which is not a signal that a handler can catch. Use other "
                         "signals, such as SIGTERM.",
                         {signal}));
    }
  }
  ~SignalWatch() {
    const std::lock_guard lock(mutex_);
    remove_all();
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// Returns the first received signal, in the order of the constructor's argument; 0 if there is none.
  [[nodiscard]] int caught() const {
    if (!any_.load(std::memory_order_relaxed)) [[likely]]
      return 0;
    for (const int signal : signals_) {
      if (entry(signal).has_come.load(std::memory_order_relaxed)) return signal;
    }
    return 0;
  }

 private:
  static void handle(int signal) {
    entry(signal).has_come.store(true, std::memory_order_relaxed);
    any_.store(true, std::memory_order_relaxed);
  }
  static WatchedSignal& entry(int signal) { return entries_[static_cast<std::size_t>(signal)]; }

  bool add(int signal) {
    if (signal < 1 || signal >= NSIG) return false;
    if (entry(signal).num_watches == 0) {
      struct sigaction action{};
      action.sa_handler = handle;
      action.sa_flags = SA_RESTART;
      sigemptyset(&action.sa_mask);
      if (::sigaction(signal, &action, &entry(signal).before) != 0) return false;
    }
    ++entry(signal).num_watches;
    signals_.push_back(signal);
    return true;
  }
  void remove_all() {
    for (; !signals_.empty(); signals_.pop_back()) {
      WatchedSignal& last = entry(signals_.back());
      if (--last.num_watches > 0) continue;
      ::sigaction(signals_.back(), &last.before, nullptr);
      last.has_come = false;
    }
    any_ =
        std::any_of(entries_.begin(), entries_.end(), [](const WatchedSignal& each) { return each.has_come.load(); });
  }

  static_assert(std::atomic<bool>::is_always_lock_free);
  inline static std::mutex mutex_;
  inline static std::array<WatchedSignal, NSIG> entries_;
  inline static std::atomic<bool> any_ = false;
  std::vector<int> signals_;
};

}  // namespace detail

/// Ends the run after the current update when the process receives a signal, with the reason `Signal 15 (Terminated)`,
/// for example. Schedulers send SIGTERM before they revoke a machine; Ctrl-C in a terminal sends SIGINT. With
/// `SaveTrainingState`, the run can be resumed. A run of `evaluate` or `predict` ends after the current batch; with
/// several ranks, after its last batch.
///
/// With several ranks, a signal to one rank ends the run on all ranks, after the same update. During the run, these
/// signals do not end the process; afterward, the previous actions are restored. Like any stop, this stop is deferred
/// until `min_num_epochs` and `min_updates` are reached. Trainers in several threads each watch their signals; a signal
/// ends the runs of all trainers that watch it.
///
/// **Cost** two relaxed atomic loads per batch of training, one per batch of evaluation or prediction.
/// **Errors** `std::invalid_argument` when a run starts, for a signal that cannot be caught.
/// **Example** `hone::StopOnSignal{}, hone::SaveTrainingState{.save_dir = "training_states"}`
struct StopOnSignal {
  static constexpr bool needs_run = true;
  std::vector<int> signals = {SIGTERM, SIGINT};

  /// The watch of the open runs: a training run, and runs of `evaluate` and `predict`, also within it.
  struct State {
    std::shared_ptr<detail::SignalWatch> watch{};
    bool trains = false, evaluates = false, predicts = false;  ///< True while a run of the kind is open.
  };
  State state{};

  void on_training_run_start(const TrainingRunStart&) { start(state.trains); }
  void on_evaluation_run_start(const EvaluationRunStart&) { start(state.evaluates); }
  void on_predict_run_start(const PredictRunStart&) { start(state.predicts); }

  void on_train_loss(const TrainLoss& event) const { look(event.run); }  // before the ranks synchronize
  void on_train_step_end(const TrainStepEnd& event) const { look(event.run); }
  void on_eval_step_end(const EvalStepEnd& event) const { look(event.run); }
  void on_predict_step_end(const PredictStepEnd& event) const { look(event.run); }

  void on_training_run_end(const TrainingRunEnd&) { end(state.trains); }
  void on_evaluation_run_end(const EvaluationRunEnd&) { end(state.evaluates); }
  void on_predict_run_end(const PredictRunEnd&) { end(state.predicts); }
  void on_exception(const ExceptionThrown& event) {
    const auto phase = event.run.phase();
    end(is_of_training(phase) ? state.trains : phase == Phase::evaluation ? state.evaluates : state.predicts);
  }

 private:
  void start(bool& run) {
    if (!state.watch) state.watch = std::make_shared<detail::SignalWatch>(signals);
    run = true;
  }
  void look(Run& run) const {
    if (const int signal = state.watch ? state.watch->caught() : 0; signal != 0) [[unlikely]] {
      run.request_stop(format_message("Signal {} ({})", {signal, ::strsignal(signal)}));
    }
  }
  void end(bool& run) {
    run = false;
    if (!state.trains && !state.evaluates && !state.predicts) state.watch.reset();
  }
};

}  // namespace hone
