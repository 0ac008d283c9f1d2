// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/warn_of_slow_ranks.hpp"

#include <string>
#include <thread>
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

static_assert(std::is_aggregate_v<WarnOfSlowRanks>);
static_assert(checked_callback<WarnOfSlowRanks> && detail::is_collective<WarnOfSlowRanks>);

/// Processes that say what they are told, beside this one, which is rank 0.
struct FakeProcesses {
  std::vector<double> others;
  int* num_gathers;

  [[nodiscard]] int world_size() const { return static_cast<int>(others.size()) + 1; }
  [[nodiscard]] std::vector<std::string> gather_texts(const std::string& own) const {
    ++*num_gathers;
    std::vector<std::string> all{own};
    for (const double time : others) all.push_back(std::to_string(time));
    return all;
  }
};
struct FakeTrainer {
  FakeProcesses together;
  [[nodiscard]] const FakeProcesses& processes() const { return together; }
};
struct FakeStepEnd : TrainStepEnd {
  FakeTrainer& trainer;
};

struct Training {
  RunDriver driver{};
  Captured output{};
  int num_gathers = 0;
  FakeTrainer trainer;
  WarnOfSlowRanks callback;

  explicit Training(std::vector<double> others, double ratio = 2.0)
      : trainer{{std::move(others), &num_gathers}},
        callback{.ratio = ratio, .every_n_batches = 3, .output = output.file()} {
    callback.on_training_run_start({{driver.run}});
    callback.on_train_epoch_start({{driver.run}});
  }
  void step(std::chrono::milliseconds data = 0ms, std::chrono::milliseconds forward = 0ms,
            std::chrono::milliseconds rest = 0ms) {
    std::this_thread::sleep_for(data);
    callback.on_train_step_start({{driver.run}});
    std::this_thread::sleep_for(forward);
    callback.on_train_loss({{driver.run}});
    std::this_thread::sleep_for(rest);
    callback.on_train_step_end(FakeStepEnd{{{driver.run}}, trainer});
    driver.set_batch(driver.run.batch() + 1);
  }
  std::string text() { return output.text(); }
};

}  // namespace

TEST_CASE("the slow rank is named, with its time, the median and all times") {
  Training training({20'000.0, 50'000.0, 21'000.0});
  for (int i = 0; i < 5; ++i) training.step();
  CHECK_THAT(training.text(),
             Contains("Slow: rank 2 takes 5e+04 ms a batch for data and forward, the median is 2e+04 ms "
                      "(mean over 3 batches until batch 5 of epoch 1, ranks in order: ") &&
                 Contains(", 2e+04, 5e+04, 2.1e+04).\n"));
  CHECK(training.num_gathers == 1);
}

TEST_CASE("data and forward count; backward, the update, other epochs and the first two steps do not") {
  Training training({4.0, 4.0}, 4.0);
  training.step(200ms, 200ms);
  training.step(0ms, 200ms);
  for (int i = 0; i < 3; ++i) training.step(0ms, 0ms, 50ms);
  std::this_thread::sleep_for(200ms);
  training.callback.on_train_epoch_start({{training.driver.run}});
  for (int i = 0; i < 3; ++i) training.step();
  CHECK(training.num_gathers == 2);
  CHECK(training.text().empty());
  for (int i = 0; i < 3; ++i) training.step(20ms);
  CHECK_THAT(training.text(), Contains("Slow: rank 0 takes 2"));
  for (int i = 0; i < 3; ++i) training.step(0ms, 20ms);
  CHECK_THAT(training.text(), Contains("Slow: rank 0 takes 2"));
}

TEST_CASE("with several losses, what follows the first does not count") {
  Training training({4.0, 4.0}, 4.0);
  for (int i = 0; i < 5; ++i) {
    training.callback.on_train_step_start({{training.driver.run}});
    for (int loss = 0; loss < 2; ++loss) {
      training.callback.on_train_loss({{training.driver.run}});
      std::this_thread::sleep_for(30ms);
    }
    training.callback.on_train_step_end(FakeStepEnd{{{training.driver.run}}, training.trainer});
  }
  CHECK(training.num_gathers == 1);
  CHECK(training.text().empty());
}

TEST_CASE("two processes are compared with the faster, one with nobody") {
  Training two({30'000.0});
  for (int i = 0; i < 5; ++i) two.step();
  CHECK_THAT(two.text(), Contains("Slow: rank 1 takes 3e+04 ms"));
  Training one({});
  for (int i = 0; i < 5; ++i) one.step();
  CHECK(one.num_gathers == 0);
}

TEST_CASE("only the first process prints, and settings out of range are refused") {
  Training training({30'000.0});
  training.driver.config().process_index = 1;
  for (int i = 0; i < 5; ++i) training.step();
  CHECK(training.num_gathers == 1);
  CHECK(training.text().empty());

  WarnOfSlowRanks wrong{.ratio = 1.0};
  CHECK_THROWS_WITH(wrong.on_training_run_start({{training.driver.run}}),
                    "WarnOfSlowRanks::ratio is 1. Give more than 1.");
  wrong = {.every_n_batches = 0};
  CHECK_THROWS_WITH(wrong.on_training_run_start({{training.driver.run}}),
                    "WarnOfSlowRanks::every_n_batches is 0. Give 1 or more.");
}
