// SPDX-License-Identifier: Apache-2.0
/// What a trainer is: its types, its parts, and that a run leaves nothing behind.
#include "hone/loop/trainer.hpp"

#include <torch/torch.h>

#include <cmath>
#include <numbers>

#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/schedule/step.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using Loss = torch::nn::CrossEntropyLoss;

struct Hears {
  int value = 0;
  void on_train_loss(const hone::TrainLoss&) {}
};
struct Stateless {
  void on_train_loss(const hone::TrainLoss&) {}
};
struct Steps {
  void zero_grad(auto& trainer) { trainer.zero_grad(); }
};

// ------------------------------------------------------------------------------- facts that hold before anything runs

template <class A, class B>
constexpr bool same = std::is_same_v<A, B>;

using Plain = hone::Trainer<tiny::Net, Loss, hone::Sgd>;
static_assert(same<Plain::DeviceType, hone::Cpu> && same<Plain::PrecisionType, hone::Fp32>);
static_assert(same<Plain::DistributionType, hone::SingleProcess> && same<Plain::AccumulationType, hone::GradAccum<1>>);
static_assert(same<Plain::ClippingType, hone::NoClip> && same<Plain::ScheduleType, hone::NoSchedule>);
static_assert(same<Plain::TransferType, hone::Direct> && same<Plain::ExecutionType, hone::Eager>);
static_assert(same<Plain::CallbacksType, hone::CallbackSet<>> && same<Plain::OverridesType, hone::NoOverrides>);
static_assert(same<Plain::OptimizerType, hone::FusedOptimizer<hone::Sgd>>);
static_assert(std::is_move_constructible_v<Plain> && !std::is_copy_constructible_v<Plain>);

// The order of what stands behind the optimizer is free.
using Forth = hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, hone::GradAccum<4>, Steps, hone::CosineLr,
                            hone::Callbacks<Hears>>;
using Back = hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::Callbacks<Hears>, hone::CosineLr, Steps,
                           hone::GradAccum<4>, hone::ClipNorm>;
static_assert(same<Forth::ClippingType, hone::ClipNorm> && same<Back::ClippingType, hone::ClipNorm>);
static_assert(same<Forth::AccumulationType, hone::GradAccum<4>> && same<Back::AccumulationType, hone::GradAccum<4>>);
static_assert(same<Forth::ScheduleType, hone::CosineLr> && same<Back::ScheduleType, hone::CosineLr>);
static_assert(same<Forth::CallbacksType, Back::CallbacksType> && same<Forth::OverridesType, Back::OverridesType>);
static_assert(sizeof(Forth) == sizeof(Back));

// What carries no state takes no room.
static_assert(sizeof(Plain) ==
              sizeof(hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::Cpu, hone::Fp32, hone::GradAccum<4>,
                                   hone::SingleProcess, hone::Callbacks<Stateless>, Steps>));

// Deduction names the same types as writing them out.
template <class... Settings>
using Deduced = decltype(hone::Trainer{std::declval<tiny::Net>(), std::declval<Loss>(), std::declval<Settings>()...});
static_assert(same<Deduced<hone::Sgd>, Plain>);
static_assert(
    same<Deduced<hone::Sgd, hone::ClipNorm, Hears, hone::GradAccum<2>>,
         hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, hone::Callbacks<Hears>, hone::GradAccum<2>>>);
static_assert(same<Deduced<hone::Sgd, Hears, Steps, Hears>,
                   hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::Callbacks<Hears>, Steps, hone::Callbacks<Hears>>>);
static_assert(same<Deduced<hone::Sgd, Hears, Steps, Hears>::CallbacksType, hone::CallbackSet<Hears, Hears>>);

// ------------------------------------------------------------------------------------------------------------- cases

TEST_CASE("values are given in any order; what is left out has its default") {
  auto trainer = hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, hone::Callbacks<Hears, Stateless>,
                               hone::GradAccum<hone::dynamic>>(tiny::Net(), Loss(), hone::Sgd{.lr = 0.5}, Hears{7},
                                                               hone::ClipNorm{1.0});
  CHECK(trainer.callbacks().get<Hears>().value == 7);
  CHECK(trainer.optimizer().lr() == 0.5);
  trainer.train(tiny::batches(1));
  CHECK(trainer.run().config().gradient_accumulation_steps == 1);
}

TEST_CASE("a trainer's parts are at hand") {
  tiny::Net net;
  auto trainer = hone::Trainer{net, Loss(), hone::AdamW{.lr = 0.25}, hone::StepLr{.step_updates = 1}};
  CHECK(trainer.model().get() == net.get());
  CHECK(trainer.loss()(torch::zeros({1, 2}), torch::zeros({1}, torch::kLong)).item<double>() > 0);
  CHECK(trainer.optimizer().parameters().size() == 4);
  trainer.schedule().gamma = 1.0;
  CHECK(trainer.train(tiny::batches(3)).num_updates() == 3);
  CHECK(trainer.optimizer().lr() == 0.25);
  CHECK(trainer.run_history().num_updates() == 3);
}

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

TEST_CASE("an evaluation starts the history anew and records one value of its own") {
  auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1}};
  trainer.train(tiny::batches(2), {.num_epochs = 2, .eval_dataset = tiny::batches(1)});
  const auto history = trainer.evaluate(tiny::batches(1));
  CHECK(history.names() == std::vector<std::string>{"evaluation_loss"});
  CHECK(history.values("evaluation_loss")[0].phase == hone::Phase::evaluation);
  CHECK(history.current_epoch() == 1);
  trainer.predict(tiny::batches(1));
  CHECK(trainer.run_history() == history);  // a prediction records nothing
}

TEST_CASE("metrics are marked with the phase, the epoch and the update") {
  auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1}};
  const auto history = trainer.train(tiny::batches(3), {.num_epochs = 2, .eval_dataset = tiny::batches(1)});
  const auto train = history.values("train_loss_epoch");
  const auto eval = history.values("eval_loss_epoch");
  REQUIRE(train.size() == 2);
  REQUIRE(eval.size() == 2);
  CHECK(train[1] == hone::Record{train[1].value, 2, 6, hone::Phase::train});
  CHECK(eval[0] == hone::Record{eval[0].value, 1, 3, hone::Phase::eval});
}

TEST_CASE("an evaluation set of one run is not the next run's") {
  auto trainer = hone::Trainer{tiny::Net(), Loss(), hone::Sgd{.lr = 0.1}};
  trainer.train(tiny::batches(2), {.eval_dataset = tiny::batches(1)});
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

TEST_CASE("gradients from before a run do not leak into it") {
  tiny::Net net, clean;
  auto trainer = hone::Trainer{net, Loss(), hone::Sgd{.lr = 0.1}};
  net(tiny::inputs()).sum().backward();
  trainer.train(tiny::batches(2));
  hone::Trainer{clean, Loss(), hone::Sgd{.lr = 0.1}}.train(tiny::batches(2));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(clean)));
}

}  // namespace
