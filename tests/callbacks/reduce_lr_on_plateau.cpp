// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/reduce_lr_on_plateau.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include "hone/callbacks/callback_set.hpp"
#include "hone/schedule/reduce_on_plateau.hpp"
#include "support/captured.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

using Callback = ReduceLrOnPlateau<ReduceOnPlateau>;
static_assert(Plateau<ReduceOnPlateau>);
static_assert(checked_callback<Callback>);
static_assert(std::is_same_v<decltype(ReduceLrOnPlateau{.plateau = ReduceOnPlateau{}}), Callback>);

struct FakeOptimizer {
  std::vector<double> lrs;
  [[nodiscard]] std::size_t num_groups() const { return lrs.size(); }
  [[nodiscard]] double lr(std::size_t group) const { return lrs[group]; }
  void set_lr(std::size_t group, double lr) { lrs[group] = lr; }
};

struct FakeTrainer {
  static auto on_rank_zero(auto&& f) { return f(); }
  static constexpr bool schedule_drives_lr = false;
  FakeOptimizer list{{0.8, 0.4}};
  FakeOptimizer& optimizer() { return list; }
};

using EpochEnd = EventContext<TrainingRunEpochEnd, WithTrainer<FakeTrainer>>;

/// A run with two parameter groups, whose epochs end one by one.
struct Training {
  RunDriver driver;
  FakeTrainer trainer;
  CallbackSet<Callback> set;

  explicit Training(Callback callback) : set(std::move(callback)) { start(); }
  void start() { set.notify(TrainingRunStart{{driver.run}}); }
  void end_epoch() {
    set.notify(EpochEnd{{{driver.run}}, {trainer}});
    driver.run.history().increment_epoch();
  }
  void end_epoch(double loss, const char* metric = "eval_loss_epoch") {
    driver.run.history().record(metric, loss, Phase::eval);
    end_epoch();
  }
};

}  // namespace

TEST_CASE("ReduceLrOnPlateau reduces the learning rates of all groups when the metric stops improving") {
  Training training({.plateau = {.factor = 0.5, .patience = 1}});
  for (const double loss : {1.0, 1.1}) training.end_epoch(loss);
  CHECK(training.trainer.list.lrs == std::vector{0.8, 0.4});
  training.end_epoch(1.2);
  CHECK(training.trainer.list.lrs == std::vector{0.4, 0.2});
  for (const double loss : {0.9, 0.8, 0.7}) training.end_epoch(loss);
  CHECK(training.trainer.list.lrs == std::vector{0.4, 0.2});
}

TEST_CASE("an epoch without a value does not count towards the patience of ReduceLrOnPlateau") {
  Training training({.plateau = {.factor = 0.5, .patience = 0}});
  training.end_epoch(1.0);
  training.end_epoch();
  training.end_epoch();
  CHECK(training.trainer.list.lrs[0] == 0.8);
  training.end_epoch(1.0);
  CHECK(training.trainer.list.lrs[0] == 0.4);
}

TEST_CASE("ReduceLrOnPlateau resets its state in a new run unless reset_on_train is false") {
  for (const bool reset : {true, false}) {
    Training training({.plateau = {.factor = 0.5, .patience = 0}, .reset_on_train = reset});
    training.end_epoch(1.0);
    training.start();
    training.end_epoch(2.0);
    CHECK(training.trainer.list.lrs[0] == (reset ? 0.8 : 0.4));
  }
}

TEST_CASE("ReduceLrOnPlateau with verbose prints each reduction") {
  Captured out;
  Training training({.plateau = {.factor = 0.5, .patience = 0, .min_lr = 0.4}, .verbose = true, .output = out.file()});
  training.end_epoch(1.0);
  CHECK(out.text().empty());
  training.end_epoch(1.0);
  CHECK(out.text() == "\nEpoch 2: reducing the learning rate of group 0 to 4.0000e-01.\n");
  training.end_epoch(1.0);
  CHECK(out.text().empty());
}

TEST_CASE("ReduceLrOnPlateau watches any metric, and throws for one that is never recorded") {
  Training training({.plateau = {.patience = 0}, .watch_metric = "train_loss_epoch"});
  training.end_epoch(1.0, "train_loss_epoch");
  training.end_epoch(1.0, "train_loss_epoch");
  CHECK(training.trainer.list.lrs[0] == Approx(0.08));

  try {
    Training({}).end_epoch(1.0, "train_loss_epoch");
    FAIL("nothing was recorded");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()) ==
          "ReduceLrOnPlateau::watch_metric is `eval_loss_epoch`, which is not recorded. Recorded metrics: "
          "`train_loss_epoch`. Watch one of them, put the callback that records it before this one, or pass an "
          "evaluation dataset to the run.");
  }
}

TEST_CASE("ReduceLrOnPlateau checks its settings at the start of a run") {
  CHECK_THROWS_AS(Training({.plateau = {.factor = 1.5}}), std::invalid_argument);
}

struct ObservesForNothing {
  int state = 0;
  void observe(double) {}
  double reduced(double lr) const { return lr; }
  void check() const {}
};
static_assert(!hone::Plateau<ObservesForNothing>);

TEST_CASE("ReduceLrOnPlateau among the callbacks of an average goes by the metric of the averaged weights") {
  RunDriver driver;
  FakeTrainer trainer;
  Callback callback{.plateau = {.factor = 0.5, .patience = 0}};
  for (const double averaged : {1.0, 2.0}) {
    driver.run.history().record("eval_loss_epoch", -averaged, Phase::eval);  // improves
    driver.run.history().record("ema_model_eval_loss_epoch", averaged, Phase::eval);
    callback.on_training_run_epoch_end(
        with_facet(EpochEnd{{{driver.run}}, {trainer}}, WithAverage{true, "ema_model_"}));
    driver.run.history().increment_epoch();
  }
  CHECK(trainer.list.lrs == std::vector<double>{0.4, 0.2});
}
