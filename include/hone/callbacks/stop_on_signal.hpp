// SPDX-License-Identifier: Apache-2.0
/// Ends a run in order when the system asks for it.
#pragma once

#include <atomic>
#include <csignal>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "hone/callbacks/events.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

namespace detail {

/// Notes signals as long as it lives; then what they did before is done again.
class SignalWatch {
 public:
  explicit SignalWatch(const std::vector<int>& signals) {
    ++num_watches_;
    struct sigaction action{};
    action.sa_handler = [](int signal) { caught_ = signal; };
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (const int signal : signals) {
      struct sigaction before{};
      if (::sigaction(signal, &action, &before) != 0) {
        restore();
        throw std::invalid_argument(sentence(
            "StopOnSignal::signals has {}, which is no signal that can be caught. Give others, such as SIGTERM.",
            {signal}));
      }
      before_.emplace_back(signal, before);
    }
  }
  ~SignalWatch() { restore(); }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// The last signal that came, 0 for none.
  [[nodiscard]] static int caught() { return caught_.load(std::memory_order_relaxed); }

 private:
  void restore() {
    for (; !before_.empty(); before_.pop_back()) ::sigaction(before_.back().first, &before_.back().second, nullptr);
    if (--num_watches_ == 0) caught_ = 0;
  }

  static_assert(std::atomic<int>::is_always_lock_free);
  inline static std::atomic<int> caught_ = 0;
  inline static int num_watches_ = 0;
  std::vector<std::pair<int, struct sigaction>> before_;
};

}  // namespace detail

/// Ends the run after the update at hand when a signal comes, with the reason `Signal 15 (Terminated)`: schedulers send
/// one before they take a machine away, terminals when somebody presses Ctrl-C. With `SaveTrainingState` the run goes
/// on later where it was. A run of `evaluate` or `predict` ends after the batch at hand.
///
/// With many processes, one that gets a signal ends the run for all, after the same update. While the run lasts the
/// process does not end by these signals; afterwards they do what they did before. Like every stop it is held back
/// before `min_num_epochs` and `min_num_train_steps`.
///
/// **Cost** a look at a number after each batch.
/// **Errors** `std::invalid_argument` when a run starts, for what is no signal that can be caught.
/// **Example** `hone::StopOnSignal{}, hone::SaveTrainingState{.save_dir = "training_states"}`
struct StopOnSignal {
  std::vector<int> signals = {SIGTERM, SIGINT};

  /// What lasts for a run, and for runs within it.
  struct State {
    std::shared_ptr<detail::SignalWatch> watch{};
    int num_runs = 0;
  };
  State state{};

  void on_training_run_start(const TrainingRunStart&) { start(); }
  void on_evaluation_run_start(const EvaluationRunStart&) { start(); }
  void on_predict_run_start(const PredictRunStart&) { start(); }

  void on_train_loss(const TrainLoss& event) const { look(event.run); }  // before the processes agree on the update
  void on_train_step_end(const TrainStepEnd& event) const { look(event.run); }
  void on_eval_step_end(const EvalStepEnd& event) const { look(event.run); }
  void on_predict_step_end(const PredictStepEnd& event) const { look(event.run); }

  void on_training_run_end(const TrainingRunEnd&) { end(); }
  void on_evaluation_run_end(const EvaluationRunEnd&) { end(); }
  void on_predict_run_end(const PredictRunEnd&) { end(); }
  void on_exception(const ExceptionThrown&) { end(); }

 private:
  void start() {
    if (state.num_runs == 0) state.watch = std::make_shared<detail::SignalWatch>(signals);
    ++state.num_runs;
  }
  static void look(Run& run) {
    if (const int signal = detail::SignalWatch::caught(); signal != 0) [[unlikely]] {
      run.request_stop(sentence("Signal {} ({})", {signal, ::strsignal(signal)}));
    }
  }
  void end() {
    if (state.num_runs > 0 && --state.num_runs == 0) state.watch.reset();
  }
};

}  // namespace hone
