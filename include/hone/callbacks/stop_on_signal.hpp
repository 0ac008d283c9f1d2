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
  static constexpr bool needs_run = true;
  std::vector<int> signals = {SIGTERM, SIGINT};

  /// The watch of the open runs: a training run, and an evaluation and a prediction within it.
  struct State {
    std::shared_ptr<detail::SignalWatch> watch{};
    bool trains = false, evaluates = false, predicts = false;
  };
  State state{};

  void on_training_run_start(const TrainingRunStart&) { start(state.trains); }
  void on_evaluation_run_start(const EvaluationRunStart&) { start(state.evaluates); }
  void on_predict_run_start(const PredictRunStart&) { start(state.predicts); }

  void on_train_loss(const TrainLoss& event) const { look(event.run); }  // before the processes agree on the update
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
  static void look(Run& run) {
    if (const int signal = detail::SignalWatch::caught(); signal != 0) [[unlikely]] {
      run.request_stop(sentence("Signal {} ({})", {signal, ::strsignal(signal)}));
    }
  }
  void end(bool& run) {
    run = false;
    if (!state.trains && !state.evaluates && !state.predicts) state.watch.reset();
  }
};

}  // namespace hone
