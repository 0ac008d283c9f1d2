// SPDX-License-Identifier: Apache-2.0
/// Tests of what runs change: weights, the optimizer's state and the history.
#include "hone/trainer/trainer.hpp"

#include <torch/torch.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/schedule/multi_step.hpp"
#include "hone/schedule/per_group.hpp"
#include "hone/schedule/schedules.hpp"
#include "hone/schedule/sequence.hpp"
#include "hone/schedule/step.hpp"
#include "hone/schedule/warmup.hpp"
#include "hone/tune/trial_run.hpp"
#include "support/captured_stdout.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using Loss = torch::nn::CrossEntropyLoss;

TEST_CASE("a trainer can be moved between runs") {
  tiny::Net net, other;
  auto first = hone::Trainer{net, Loss(), hone::Sgd{.lr = 0.1, .momentum = 0.9}};
  first.train(tiny::batches(2));
  auto second = std::move(first);
  second.train(tiny::batches(2));
  auto reference = hone::Trainer{other, Loss(), hone::Sgd{.lr = 0.1, .momentum = 0.9}};
  reference.train(tiny::batches(2));
  reference.train(tiny::batches(2));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(other)));
}

TEST_CASE("the history that a run returns does not change in the next run") {
  auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1}};
  const auto first = trainer.train(tiny::batches(2), {.num_epochs = 2});
  const auto second = trainer.train(tiny::batches(2));
  CHECK(first.values("train_loss_epoch").size() == 2);
  CHECK(second.values("train_loss_epoch").size() == 1);
  CHECK(first.current_epoch() == 3);
}

TEST_CASE("evaluate returns a history of its records, and run_history() has all records") {
  auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1}};
  auto all = trainer.train(tiny::batches(2), tiny::batches(1), {.num_epochs = 2});
  const auto history = trainer.evaluate(tiny::batches(1));
  CHECK(history.names() == std::vector<std::string>{"evaluation_loss"});
  CHECK(history.values("evaluation_loss")[0].phase == hone::Phase::evaluation);
  CHECK(history.current_epoch() == 3);
  CHECK(history.num_updates() == 4);
  all.append("evaluation_loss", history.values("evaluation_loss")[0]);
  CHECK(trainer.run_history() == all);
  trainer.predict(tiny::batches(1));
  CHECK(trainer.run_history() == all);  // a prediction records nothing
}

TEST_CASE("records have the phase, the epoch and the update") {
  auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1}};
  const auto history = trainer.train(tiny::batches(3), tiny::batches(1), {.num_epochs = 2});
  const auto train = history.values("train_loss_epoch");
  const auto eval = history.values("eval_loss_epoch");
  REQUIRE(train.size() == 2);
  REQUIRE(eval.size() == 2);
  CHECK(train[1] == hone::Record{train[1].value, 2, 6, hone::Phase::train});
  CHECK(eval[0] == hone::Record{eval[0].value, 1, 3, hone::Phase::eval});
}

TEST_CASE("a run does not use the evaluation set of the previous run") {
  auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1}};
  trainer.train(tiny::batches(2), tiny::batches(1));
  CHECK(!trainer.train(tiny::batches(2)).contains("eval_loss_epoch"));
}

struct Rates {
  std::vector<double>* rates;
  void on_before_optimizer_step(const auto& event) { rates->push_back(event.trainer.optimizer().lr()); }
};

TEST_CASE("update n uses the schedule's value for n, and each run restarts the schedule") {
  std::vector<double> rates;
  auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1}, hone::CosineLr{.min_lr = 0.0}, Rates{&rates}};
  for (const int epochs : {2, 1, 3}) {
    rates.clear();
    trainer.train(tiny::batches(2), {.num_epochs = epochs});
    REQUIRE(rates.size() == static_cast<std::size_t>(2 * epochs));
    for (std::size_t n = 0; n < rates.size(); ++n) {
      const double progress = static_cast<double>(n) / (2.0 * epochs);
      CHECK(rates[n] == Approx(0.05 * (1 + std::cos(std::numbers::pi * progress))));
    }
  }
}

TEST_CASE("a schedule can also set the momentum") {
  tiny::Net net;
  auto trainer = hone::Trainer{net, Loss(), hone::Sgd{.lr = 0.5, .momentum = 0.9},
                               hone::Schedules{hone::fields::lr = hone::StepLr{.step_size = 1, .gamma = 0.5},
                                               hone::fields::momentum = hone::StepLr{.step_size = 2, .gamma = 0.1}}};
  static_assert(decltype(trainer)::schedule_drives_lr);
  trainer.train(tiny::batches(3));
  CHECK(trainer.optimizer().groups()[0].settings.lr == Approx(0.0625));
  CHECK(trainer.optimizer().groups()[0].settings.momentum == Approx(0.09));
}

/// Cannot be assigned.
struct Fixed {
  using slot = hone::slots::Schedule;
  const double factor;
  const std::vector<double>& factors;
  double operator()(double base_lr, std::int64_t update) const {
    return base_lr * factor * factors[static_cast<std::size_t>(update)];
  }
};

TEST_CASE("a schedule may be a lambda with captures, or have const and reference members") {
  const std::vector<double> factors{1.0, 0.5, 0.25, 0.125, 0.0625};
  const auto rates_with = [](auto schedule) {
    std::vector<double> rates;
    auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1, .momentum = 0.5}, schedule, Rates{&rates}};
    trainer.train(tiny::batches(2));
    trainer.train(tiny::batches(2));
    auto moved = std::move(trainer);
    moved.step(tiny::batches(1)[0]);
    const auto state = hone::cloned(moved.training_state());
    moved.load_training_state(state);
    moved.step(tiny::batches(1)[0]);
    hone::trial_run(moved, tiny::batches(3), {.num_updates = 3}, [](auto) {}, [](auto, double) { return true; });
    return rates;
  };
  const auto lambda = [&factors](double base_lr, std::int64_t update) {
    return base_lr * factors[static_cast<std::size_t>(update)];
  };
  const auto by_group = [&](double base_lr, std::int64_t update, std::size_t group) {
    return group == 0 ? lambda(base_lr, update) : base_lr;
  };
  const auto expected = rates_with(hone::MultiStepLr{.milestones = {1, 2, 3, 4}, .gamma = 0.5});
  CHECK(expected.size() == 6);
  CHECK(rates_with(hone::fields::lr = lambda) == expected);
  CHECK(rates_with(hone::fields::lr = by_group) == expected);
  CHECK(rates_with(Fixed{1.0, factors}) == expected);
  CHECK(rates_with(hone::Warmup{.after = lambda}) == expected);
  CHECK(rates_with(hone::fields::lr = hone::PerGroup{lambda}) == expected);
  CHECK(rates_with(hone::Sequence{lambda}) == expected);
  CHECK(rates_with(hone::Schedules{hone::fields::lr = lambda, hone::fields::momentum = lambda}) == expected);
}

TEST_CASE("a run does not use gradients from before the run") {
  tiny::Net net, clean;
  auto trainer = hone::Trainer{net, Loss(), hone::Sgd{.lr = 0.1}};
  net(tiny::inputs()).sum().backward();
  trainer.train(tiny::batches(2));
  hone::Trainer{clean, Loss(), hone::Sgd{.lr = 0.1}}.train(tiny::batches(2));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(clean)));
}

/// Rank 1 of two ranks.
struct Second {
  using slot = hone::slots::Distribution;
  static int rank() { return 1; }
  static int world_size() { return 2; }
};

TEST_CASE("print() prints only on rank 0, also before a run") {
  const auto first = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{}};
  const auto second = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{}, Second{}};
  CHECK(hone::captured_stdout([&] { first.print("loss 0.2"); }) == "loss 0.2\n");
  CHECK(hone::captured_stdout([&] { second.print("loss 1"); }).empty());
}

}  // namespace
