// SPDX-License-Identifier: Apache-2.0
/// A run leaves nothing behind but weights, the optimizer's state and its history.
#include "hone/trainer/trainer.hpp"

#include <torch/torch.h>

#include <cmath>
#include <numbers>

#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/schedule/schedules.hpp"
#include "hone/schedule/step.hpp"
#include "support/captured_stdout.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using Loss = torch::nn::CrossEntropyLoss;

TEST_CASE("a trainer may be moved, also between runs") {
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

TEST_CASE("the history that a run returns is a value of its own") {
  auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1}};
  const auto first = trainer.train(tiny::batches(2), {.num_epochs = 2});
  const auto second = trainer.train(tiny::batches(2));
  CHECK(first.values("train_loss_epoch").size() == 2);
  CHECK(second.values("train_loss_epoch").size() == 1);
  CHECK(first.current_epoch() == 3);
}

TEST_CASE("an evaluation returns a history of its own records, and the trainer's history keeps all") {
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

TEST_CASE("metrics are marked with the phase, the epoch and the update") {
  auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1}};
  const auto history = trainer.train(tiny::batches(3), tiny::batches(1), {.num_epochs = 2});
  const auto train = history.values("train_loss_epoch");
  const auto eval = history.values("eval_loss_epoch");
  REQUIRE(train.size() == 2);
  REQUIRE(eval.size() == 2);
  CHECK(train[1] == hone::Record{train[1].value, 2, 6, hone::Phase::train});
  CHECK(eval[0] == hone::Record{eval[0].value, 1, 3, hone::Phase::eval});
}

TEST_CASE("an evaluation set of one run is not the next run's") {
  auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1}};
  trainer.train(tiny::batches(2), tiny::batches(1));
  CHECK(!trainer.train(tiny::batches(2)).contains("eval_loss_epoch"));
}

struct Rates {
  std::vector<double>* rates;
  void on_before_optimizer_step(const auto& event) { rates->push_back(event.trainer.optimizer().lr()); }
};

TEST_CASE("update n is done with the schedule's value for n, and each run begins the schedule anew") {
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

TEST_CASE("a schedule may drive the momentum as well") {
  tiny::Net net;
  auto trainer = hone::Trainer{net, Loss(), hone::Sgd{.lr = 0.5, .momentum = 0.9},
                               hone::Schedules{hone::fields::lr = hone::StepLr{.step_size = 1, .gamma = 0.5},
                                               hone::fields::momentum = hone::StepLr{.step_size = 2, .gamma = 0.1}}};
  static_assert(decltype(trainer)::schedule_drives_lr);
  trainer.train(tiny::batches(3));
  CHECK(trainer.optimizer().groups()[0].settings.lr == Approx(0.0625));
  CHECK(trainer.optimizer().groups()[0].settings.momentum == Approx(0.09));
}

TEST_CASE("gradients from before a run do not leak into it") {
  tiny::Net net, clean;
  auto trainer = hone::Trainer{net, Loss(), hone::Sgd{.lr = 0.1}};
  net(tiny::inputs()).sum().backward();
  trainer.train(tiny::batches(2));
  hone::Trainer{clean, Loss(), hone::Sgd{.lr = 0.1}}.train(tiny::batches(2));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(clean)));
}

/// The second of two processes.
struct Second {
  using slot = hone::slots::Distribution;
  static int rank() { return 1; }
  static int world_size() { return 2; }
};

TEST_CASE("a trainer prints in the first process, before a run too") {
  const auto first = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{}};
  const auto second = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{}, Second{}};
  CHECK(hone::captured_stdout([&] { first.print("loss 0.2"); }) == "loss 0.2\n");
  CHECK(hone::captured_stdout([&] { second.print("loss 1"); }).empty());
}

}  // namespace
