// SPDX-License-Identifier: Apache-2.0
/// A trainer that dispatches events to one callback, and records the weights in evaluations.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/callbacks/callback_set.hpp"
#include "moving_net.hpp"
#include "support/run_driver.hpp"

namespace nets {

/// Each update moves its model to the next step.
class FakeTrainer {
 public:
  MovingNet& model() { return model_; }
  hone::Run& run() { return driver_.run; }
  hone::RunHistory& history() { return driver_.run.history(); }

  template <class Listeners>
  void evaluate_epoch(std::string_view metric, Listeners& listeners) {
    if (driver_.run.stop_requested()) return;
    if (throws_in_evaluation) throw std::runtime_error("no evaluation");
    seen_.push_back(model_->weight.detach().clone());
    notify<hone::EvalEpochStart>(listeners);
    history().record(metric, seen_.back().sum().item<double>(), hone::Phase::eval);
    notify<hone::EvalEpochEnd>(listeners, 0.0);
  }

  /// Trains epochs of two updates, with a trainer's events.
  template <class Callback>
  void train(Callback& callback, int num_epochs, bool evaluates = true) {
    notify<hone::TrainingRunStart>(callback);
    for (int epoch = 0; epoch < num_epochs; ++epoch) {
      driver_.set_phase(hone::Phase::train);
      for (int i = 0; i < 2; ++i) {
        model_->move(++num_updates);
        notify<hone::OptimizerStep>(callback);
      }
      notify<hone::TrainEpochEnd>(callback, 0.0);
      if (evaluates) {
        driver_.set_phase(hone::Phase::eval);
        notify<hone::EvalEpochEnd>(callback, 0.0);
      }
      const auto evaluate = [this](std::string_view metric, auto& listeners) {
        this->evaluate_epoch(metric, listeners);
      };
      using Evaluation = hone::WithEvaluation<std::remove_const_t<decltype(evaluate)>>;
      using EventContext = hone::EventContext<hone::TrainingRunEpochEnd, hone::WithTrainer<FakeTrainer>, Evaluation>;
      if constexpr (hone::handles<Callback, EventContext>)
        hone::notify(callback, EventContext{{{driver_.run}}, {*this}, {evaluate}});
      history().increment_epoch();
    }
    notify<hone::TrainingRunEnd>(callback);
  }

  template <class E, class Callback, class... Fields>
  void notify(Callback& callback, Fields... fields) {
    using EventContext = hone::EventContext<E, hone::WithTrainer<FakeTrainer>>;
    if constexpr (hone::handles<Callback, EventContext>)
      hone::notify(callback, EventContext{{{driver_.run}, fields...}, {*this}});
  }

  /// The model's weights in each evaluation.
  [[nodiscard]] const std::vector<torch::Tensor>& seen() const { return seen_; }

  std::int64_t num_updates = 0;
  bool throws_in_evaluation = false;

 private:
  MovingNet model_;
  hone::RunDriver driver_;
  std::vector<torch::Tensor> seen_;
};

/// MovingNet's weights at a step, and their exponential average over steps, by its formula.
inline torch::Tensor weights_at(std::int64_t k) {
  MovingNet net;
  net->move(k);
  return net->weight.detach().clone();
}
inline torch::Tensor ema_of(std::initializer_list<std::int64_t> steps, double decay) {
  torch::Tensor average;
  for (const auto k : steps) {
    average = average.defined() ? decay * average + (1.0 - decay) * weights_at(k) : weights_at(k);
  }
  return average;
}

inline bool close(const torch::Tensor& a, const torch::Tensor& b) { return torch::allclose(a, b, 0.0, 1e-14); }

}  // namespace nets
