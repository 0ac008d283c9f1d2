// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/default_callbacks.hpp"

#include <type_traits>

#include "support/captured.hpp"
#include "support/catch.hpp"
#include "support/fake_step.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

template <class List>
struct SetOf;
template <class... Cs>
struct SetOf<ReplaceableCallbacks<Cs...>> {
  using type = CallbackSet<Cs...>;
};
using Defaults = SetOf<DefaultCallbacks>::type;

static_assert(std::is_default_constructible_v<Defaults>);
static_assert(Defaults::forwards<FakeStep<TrainLoss>> && Defaults::forwards<FakeStep<TrainStepEnd>>);
// Events that no default callback handles have no overhead.
static_assert(!Defaults::forwards<FakeStep<TrainStepStart>> && !Defaults::forwards<OptimizerStep> &&
              !Defaults::forwards<BeforeOptimizerStep>);

}  // namespace

TEST_CASE("the default callbacks print the start of an epoch, the progress bar and the metrics in this order") {
  Captured output;
  RunDriver driver;
  driver.set_num_batches(2);
  CallbackSet set{TerminateOnNaN{}, PrintProgress{.output = output.file()}, ProgressBar{.output = output.file()},
                  LogMetrics{.output = output.file()}};
  static_assert(std::is_same_v<decltype(set), Defaults>);
  set.notify(TrainingRunStart{{driver.run}});
  set.notify(TrainEpochStart{{driver.run}});
  for (int step = 0; step < 2; ++step) {
    driver.set_batch(step);
    tell_step<TrainLoss>(set, driver.run, {{0.5}, 1});
    tell_step<TrainStepEnd>(set, driver.run, {{0.5}, 1});
  }
  driver.run.history().record("train_loss_epoch", 0.5, Phase::train);
  set.notify(TrainEpochEnd{{driver.run}, 0.5});
  const auto text = output.text();
  const auto announced = text.find("\nStarting epoch 1\n");
  const auto bar = text.find("epoch 1 train 2/2 (100 %)  loss 0.5");
  const auto metric = text.find("\ntrain_loss_epoch: 0.5\n");
  CHECK(announced < bar);
  CHECK(bar < metric);
  CHECK(metric != std::string::npos);
}
