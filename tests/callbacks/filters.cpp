// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/filters.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

struct Note {
  std::vector<std::string>* log;
  void on_training_run_start(const TrainingRunStart&) { log->push_back("run"); }
  void on_train_step_end(const TrainStepEnd& event) { log->push_back("end " + std::to_string(event.run.batch())); }
  void on_train_loss(const TrainLoss& event) { log->push_back("loss " + std::to_string(event.run.batch())); }
  void on_train_epoch_end(const TrainEpochEnd& event) { log->push_back("epoch " + std::to_string(event.run.epoch())); }
  void on_eval_step_end(const EvalStepEnd&) { log->push_back("eval"); }
};

struct Knock {
  int times;
};
struct KnockInRun : Event {};

struct Output {
  double loss;
};
using StepEnd = EventContext<TrainStepEnd, WithOutput<Output>>;

using Every2 = decltype(every<2>(std::declval<Note>()));
static_assert(EventForwarder<Every2> && handles<Every2, TrainStepEnd> && handles<Every2, StepEnd> &&
              handles<Every2, TrainEpochEnd>);
static_assert(!handles<Every2, OptimizerStep>);
constexpr auto nothing = [](const auto&) {};
using OnStepEnd = decltype(on<TrainStepEnd>(nothing));
static_assert(handles<OnStepEnd, TrainStepEnd> && handles<OnStepEnd, StepEnd> && !handles<OnStepEnd, TrainLoss>);
static_assert(sizeof(CallbackSet<OnStepEnd>) == 1);

using Strings = std::vector<std::string>;

/// Notifies `set` of one epoch of `num_steps` steps.
void run_epoch(auto& set, RunDriver& driver, int num_steps) {
  for (int step = 0; step < num_steps; ++step) {
    driver.set_batch(step);
    set.notify(TrainLoss{{driver.run}});
    set.notify(TrainStepEnd{{driver.run}});
  }
  set.notify(TrainEpochEnd{{driver.run}, 0.0});
}

}  // namespace

TEST_CASE("every counts each kind of step event separately and across epochs, and forwards other events") {
  Strings log;
  RunDriver driver;
  CallbackSet set{every<2>(Note{&log})};
  set.notify(TrainingRunStart{{driver.run}});
  run_epoch(set, driver, 3);
  run_epoch(set, driver, 3);
  CHECK(log == Strings{"run", "loss 1", "end 1", "epoch 1", "loss 0", "end 0", "loss 2", "end 2", "epoch 1"});
}

TEST_CASE("every resets its counts at the start of a run") {
  Strings log;
  RunDriver driver;
  CallbackSet set{every<3>(Note{&log})};
  run_epoch(set, driver, 2);
  set.notify(TrainingRunStart{{driver.run}});
  run_epoch(set, driver, 2);
  CHECK(log == Strings{"epoch 1", "run", "epoch 1"});
}

TEST_CASE("every resets its counts also if the callback has no hook for the start of the run") {
  int heard = 0;
  RunDriver driver;
  driver.set_phase(Phase::evaluation);
  CallbackSet set{every<2>(on<EvalStepEnd>([&heard](const auto&) { ++heard; }))};
  set.notify(EvaluationRunStart{{driver.run}});
  set.notify(EvalStepEnd{{driver.run}});
  set.notify(EvaluationRunStart{{driver.run}});
  set.notify(EvalStepEnd{{driver.run}});
  CHECK(heard == 0);
  set.notify(EvalStepEnd{{driver.run}});
  CHECK(heard == 1);
}

TEST_CASE("once_at forwards the events of one step of a run, and throws for step 0") {
  Strings log;
  RunDriver driver;
  CallbackSet set{once_at(4, Note{&log})};
  run_epoch(set, driver, 3);
  run_epoch(set, driver, 3);
  CHECK(log == Strings{"epoch 1", "loss 0", "end 0", "epoch 1"});
  REQUIRE_THROWS_AS(once_at(0, Note{&log}), std::invalid_argument);
}

TEST_CASE("every_epochs forwards all events of each n-th epoch, and all events of an evaluation run") {
  Strings log;
  RunDriver driver;
  CallbackSet set{every_epochs<2>(Note{&log})};
  set.notify(TrainingRunStart{{driver.run}});
  for (int epoch = 1; epoch <= 4; ++epoch) {
    driver.set_phase(Phase::train);
    run_epoch(set, driver, 1);
    driver.set_phase(Phase::eval);
    set.notify(EvalStepEnd{{driver.run}});
    driver.run.history().increment_epoch();
  }
  CHECK(log == Strings{"run", "loss 0", "end 0", "epoch 2", "eval", "loss 0", "end 0", "epoch 4", "eval"});
  log.clear();
  driver.set_phase(Phase::evaluation);
  set.notify(EvalStepEnd{{driver.run}});
  CHECK(log == Strings{"eval"});
}

TEST_CASE("rank_zero forwards events on rank 0 only") {
  Strings log;
  int knocks = 0;
  RunDriver driver;
  CallbackSet set{rank_zero(Note{&log}), rank_zero(on<KnockInRun>([&knocks](const auto&) { ++knocks; }))};
  driver.config().process_index = 1;
  set.notify(EvalStepEnd{{driver.run}});
  set.notify(KnockInRun{{driver.run}});
  CHECK(log.empty());
  driver.config().process_index = 0;
  set.notify(EvalStepEnd{{driver.run}});
  set.notify(KnockInRun{{driver.run}});
  CHECK(log.size() == 1);
  CHECK(knocks == 1);
}

TEST_CASE("on calls a function with the plain, the extended or a custom event") {
  double loss = 0.0;
  int steps = 0;
  int knocks = 0;
  RunDriver driver;
  CallbackSet set{on<TrainStepEnd>([&loss](const auto& event) { loss += event.output.loss; }),
                  on<TrainStepEnd>([&steps](const TrainStepEnd&) { return ++steps; }),
                  on<Knock>([&knocks](const Knock& knock) { knocks += knock.times; })};
  const Output output{0.5};
  set.notify(StepEnd{{{driver.run}}, {output}});
  set.notify(Knock{3});
  CHECK(loss == 0.5);
  CHECK(steps == 1);
  CHECK(knocks == 3);
}

TEST_CASE("filters may be nested") {
  int heard = 0;
  RunDriver driver;
  CallbackSet set{every_epochs<2>(every<3>(on<TrainStepEnd>([&heard](const auto&) { ++heard; })))};
  for (int epoch = 1; epoch <= 2; ++epoch) {
    run_epoch(set, driver, 7);
    driver.run.history().increment_epoch();
  }
  CHECK(heard == 2);
}
