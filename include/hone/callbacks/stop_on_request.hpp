// SPDX-License-Identifier: Apache-2.0
/// A stop of a run that another thread requests.
#pragma once

#include <version>

#ifdef __cpp_lib_jthread  // libc++ has no std::stop_token before version 20

#include <stdexcept>
#include <stop_token>
#include <string>

#include "hone/callbacks/events.hpp"

namespace hone {

/// Ends the run after the current update when a stop is requested through a `std::stop_source`, from any thread.
/// `Run::request_stop` is for the thread of the trainer only. A run of `evaluate` or `predict` ends after the current
/// batch; with several ranks, after its last batch.
///
/// A request remains in effect: later runs end before their first batch. Like any stop, it is deferred until
/// `min_num_epochs` and `min_updates` are reached. With several ranks, a request on one rank ends the run on all ranks.
///
/// **Cost** two atomic loads per batch of training, one per batch of evaluation or prediction.
/// **Errors** `std::invalid_argument` when a run starts, for a token through which no stop can be requested.
/// **Example**
/// ```
/// std::stop_source stop;
/// hone::Trainer trainer{model, loss, hone::Sgd{.lr = 0.1}, hone::StopOnRequest{.token = stop.get_token()}};
/// std::jthread button([&] {
///   wait_for_button();
///   stop.request_stop();
/// });
/// trainer.train(train_set);
/// ```
struct StopOnRequest {
  static constexpr bool needs_run = true;
  std::stop_token token = {};
  std::string reason = "A stop was requested";  ///< The stop reason in the run's history.

  void on_training_run_start(const TrainingRunStart& event) const { start(event.run); }
  void on_evaluation_run_start(const EvaluationRunStart& event) const { start(event.run); }
  void on_predict_run_start(const PredictRunStart& event) const { start(event.run); }

  void on_train_loss(const TrainLoss& event) const { look(event.run); }  // before the ranks synchronize
  void on_train_step_end(const TrainStepEnd& event) const { look(event.run); }
  void on_eval_step_end(const EvalStepEnd& event) const { look(event.run); }
  void on_predict_step_end(const PredictStepEnd& event) const { look(event.run); }

 private:
  void start(Run& run) const {
    if (!token.stop_possible()) {
      throw std::invalid_argument(
          "StopOnRequest::token has no associated stop state. Set it to the get_token() of a std::stop_source that "
          "outlives the run.");
    }
    look(run);
  }
  void look(Run& run) const {
    if (token.stop_requested()) [[unlikely]]
      run.request_stop(reason);
  }
};

}  // namespace hone

#endif
