// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/straggler_detector.hpp"

#include <string>
#include <type_traits>

#include "hone/callbacks/callback_set.hpp"
#include "hone/callbacks/filters.hpp"
#include "support/captured.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

static_assert(std::is_aggregate_v<StragglerDetector>);
static_assert(checked_callback<StragglerDetector> && hone::detail::is_collective<StragglerDetector>);

/// Fake ranks beside this one, rank 0: `all_gather_strings` returns the given times.
struct FakeProcesses {
  std::vector<double> others;
  int* num_gathers;

  [[nodiscard]] int world_size() const { return static_cast<int>(others.size()) + 1; }
  [[nodiscard]] std::vector<std::string> all_gather_strings(const std::string& own) const {
    ++*num_gathers;
    std::vector<std::string> all{own};
    for (const double time : others) all.push_back(std::to_string(time));
    return all;
  }
};
struct FakeTrainer {
  FakeProcesses together;
  [[nodiscard]] const FakeProcesses& distribution() const { return together; }
};
struct FakeStepEnd : TrainStepEnd {
  FakeTrainer& trainer;
};

/// Times of the fake ranks, in milliseconds. They are so long that the test's own duration, also on a busy machine, does
/// not matter beside them.
constexpr double hour = 3.6e6;

struct Training {
  RunDriver driver{};
  Captured output{};
  int num_gathers = 0;
  FakeTrainer trainer;
  StragglerDetector callback;

  explicit Training(std::vector<double> others, double ratio = 2.0)
      : trainer{{std::move(others), &num_gathers}},
        callback{.ratio = ratio, .every_n_batches = 3, .output = output.file()} {
    callback.on_training_run_start({{driver.run}});
    callback.on_train_epoch_start({{driver.run}});
  }
  /// Lets time pass without waiting: shifts the times that the callback has recorded into the past.
  void advance(std::chrono::hours time) {
    callback.measured.started -= time;
    callback.measured.ended -= time;
  }
  void step(std::chrono::hours data = 0h, std::chrono::hours forward = 0h, std::chrono::hours rest = 0h) {
    advance(data);
    callback.on_train_step_start({{driver.run}});
    advance(forward);
    callback.on_train_loss({{driver.run}});
    advance(rest);
    callback.on_train_step_end(FakeStepEnd{{{driver.run}}, trainer});
    driver.set_batch(driver.run.batch() + 1);
  }
  std::string text() { return output.text(); }
};

}  // namespace

TEST_CASE("StragglerDetector prints the slow rank, its time, the median and all times") {
  Training training({2e7, 5e7, 2.1e7});
  for (int i = 0; i < 5; ++i) training.step();
  CHECK_THAT(
      training.text(),
      Contains("Stragglers: rank 2 takes 5e+07 ms per batch for data loading and forward, and the median is 2e+07 ms "
               "(mean over 3 batches until batch 5 of epoch 1; ranks in order: ") &&
          Contains(", 2e+07, 5e+07, 2.1e+07).\n"));
  CHECK(training.num_gathers == 1);
}

TEST_CASE("StragglerDetector measures data loading and forward only, without the first two steps of a run") {
  Training training({hour, hour}, 4.0);
  training.step(100h, 100h);
  training.step(0h, 100h);
  for (int i = 0; i < 3; ++i) training.step(0h, 0h, 100h);
  training.advance(100h);
  training.callback.on_train_epoch_start({{training.driver.run}});
  for (int i = 0; i < 3; ++i) training.step();
  training.advance(100h);
  training.callback.on_eval_epoch_start({{training.driver.run}});
  for (int i = 0; i < 3; ++i) training.step();
  CHECK(training.num_gathers == 3);
  CHECK(training.text().empty());
  for (int i = 0; i < 3; ++i) training.step(20h);
  CHECK_THAT(training.text(), Contains("Stragglers: rank 0 takes 7.2e+07 ms per batch"));
  for (int i = 0; i < 3; ++i) training.step(0h, 20h);
  CHECK_THAT(training.text(), Contains("Stragglers: rank 0 takes 7.2e+07 ms per batch"));
  for (int i = 0; i < 3; ++i) training.step(20h, 20h);
  CHECK_THAT(training.text(), Contains("Stragglers: rank 0 takes 1.44e+08 ms per batch"));
}

TEST_CASE("with several losses, StragglerDetector measures until the first loss") {
  Training training({hour, hour}, 4.0);
  for (int i = 0; i < 5; ++i) {
    training.callback.on_train_step_start({{training.driver.run}});
    for (int loss = 0; loss < 2; ++loss) {
      training.callback.on_train_loss({{training.driver.run}});
      training.advance(100h);
    }
    training.callback.on_train_step_end(FakeStepEnd{{{training.driver.run}}, training.trainer});
  }
  CHECK(training.num_gathers == 1);
  CHECK(training.text().empty());
}

TEST_CASE("two ranks are compared with the faster one, and a single rank gathers nothing") {
  Training two({3e7});
  for (int i = 0; i < 5; ++i) two.step();
  CHECK_THAT(two.text(), Contains("Stragglers: rank 1 takes 3e+07 ms"));
  Training one({});
  for (int i = 0; i < 5; ++i) one.step();
  CHECK(one.num_gathers == 0);
}

TEST_CASE("StragglerDetector prints on rank 0 only, and throws for settings out of range") {
  Training training({3e7});
  training.driver.config().process_index = 1;
  for (int i = 0; i < 5; ++i) training.step();
  CHECK(training.num_gathers == 1);
  CHECK(training.text().empty());

  StragglerDetector wrong{.ratio = 1.0};
  CHECK_THROWS_WITH(wrong.on_training_run_start({{training.driver.run}}),
                    "StragglerDetector::ratio is 1. Set it to a number greater than 1.");
  wrong = {.every_n_batches = 0};
  CHECK_THROWS_WITH(wrong.on_training_run_start({{training.driver.run}}),
                    "StragglerDetector::every_n_batches is 0. Set it to 1 or greater.");
}
