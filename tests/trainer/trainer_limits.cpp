// SPDX-License-Identifier: Apache-2.0
/// Tests of limits on epochs, updates, batches and time, and of the run's configuration.
#include <fmt/format.h>
#include <torch/torch.h>

#include <chrono>
#include <ranges>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

/// Stores the configuration of the run, and the number of batches of each epoch.
struct Seen {
  hone::RunConfig* config = nullptr;
  std::vector<std::int64_t>* batches = nullptr;

  void on_training_run_start(const hone::TrainingRunStart& event) { copy(event.run); }
  void on_evaluation_run_start(const hone::EvaluationRunStart& event) { copy(event.run); }
  void on_predict_run_start(const hone::PredictRunStart& event) { copy(event.run); }
  void on_train_epoch_end(const hone::TrainEpochEnd& event) { note(event.run); }
  void on_eval_epoch_end(const hone::EvalEpochEnd& event) { note(event.run); }
  void on_predict_run_end(const hone::PredictRunEnd& event) { note(event.run); }

 private:
  void copy(const hone::Run& run) {
    if (config) *config = run.config();
  }
  void note(const hone::Run& run) {
    if (batches) batches->push_back(run.batch());
  }
};

template <class... Settings>
auto trainer_with(Settings... settings) {
  return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, settings...};
}

TEST_CASE("a run ends at the first of num_epochs and max_updates") {
  struct Row {
    std::int64_t max, epochs, updates, last_epoch;
  };
  // Five batches, two for each update: three updates in each epoch.
  const auto row = GENERATE(Row{1, 9, 1, 1}, Row{2, 9, 2, 1}, Row{3, 9, 3, 1}, Row{4, 9, 4, 2}, Row{5, 9, 5, 2},
                            Row{6, 9, 6, 2}, Row{7, 9, 7, 3}, Row{7, 2, 6, 2}, Row{100, 1, 3, 1});
  CAPTURE(row.max, row.epochs);
  const bool sized = GENERATE(true, false);
  auto trainer = trainer_with(hone::GradAccum<2>{});
  hone::TrainOptions options{.num_epochs = row.epochs, .max_updates = row.max};
  auto batches = tiny::batches(5);
  hone::RunHistory history;
  if (sized) {
    history = trainer.train(batches, options);
  } else {
    history = trainer.train(batches | std::views::filter([](const auto&) { return true; }),
                            {.num_epochs = row.epochs, .max_updates = row.max});
  }
  CHECK(history.num_updates() == row.updates);
  CHECK(history.current_epoch() == row.last_epoch + 1);
  CHECK(history.values("train_loss_epoch").size() == static_cast<std::size_t>(row.last_epoch));
  const bool reached = row.updates == row.max;
  CHECK(history.stop_reason().has_value() == reached);
  if (reached) CHECK(tiny::contains(*history.stop_reason(), fmt::format("max_updates = {}", row.max)));
}

TEST_CASE("an epoch that max_updates ends is evaluated") {
  auto trainer = trainer_with();
  const auto history = trainer.train(tiny::batches(5), tiny::batches(2), {.num_epochs = 9, .max_updates = 7});
  CHECK(history.num_updates() == 7);
  CHECK(history.values("eval_loss_epoch").size() == 2);
}

TEST_CASE("with reset_run_history = false, num_epochs and max_updates count the epochs and updates of the new run") {
  auto trainer = trainer_with();
  trainer.train(tiny::batches(2), {.num_epochs = 3});
  const auto history = trainer.train(tiny::batches(2), {.num_epochs = 2, .reset_run_history = false});
  CHECK(history.num_updates() == 10);
  CHECK(history.current_epoch() == 6);
  const auto losses = history.values("train_loss_epoch");
  REQUIRE(losses.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) CHECK(losses[i].epoch == static_cast<std::int64_t>(i) + 1);
  CHECK(losses[4].update == 10);

  const auto limited = trainer.train(tiny::batches(2), {.num_epochs = 9, .max_updates = 3, .reset_run_history = false});
  CHECK(limited.num_updates() == 13);

  const auto fresh = trainer.train(tiny::batches(2));
  CHECK(fresh.num_updates() == 2);
  CHECK(fresh.values("train_loss_epoch").size() == 1);
}

TEST_CASE("two runs of three epochs equal one run of six epochs") {
  tiny::Net once, twice;
  hone::Trainer{once, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1, .momentum = 0.9}}.train(tiny::batches(3),
                                                                                                  {.num_epochs = 6});
  auto trainer = hone::Trainer{twice, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1, .momentum = 0.9}};
  trainer.train(tiny::batches(3), {.num_epochs = 3});
  trainer.train(tiny::batches(3), {.num_epochs = 3, .reset_run_history = false});
  CHECK(tiny::equal(tiny::weights(once), tiny::weights(twice)));
}

TEST_CASE("a run with reset_run_history = false shuffles like one long run") {
  tiny::Net once, twice;
  hone::Trainer{once, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}}.train(
      tiny::dataset(), {.num_epochs = 4, .per_device_batch_size = 4, .seed = 3});
  auto trainer = hone::Trainer{twice, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}};
  trainer.train(tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 4, .seed = 3});
  trainer.train(tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 4, .reset_run_history = false, .seed = 3});
  CHECK(tiny::equal(tiny::weights(once), tiny::weights(twice)));
}

TEST_CASE("the run's configuration has the resolved options") {
  hone::RunConfig config;
  auto trainer = trainer_with(Seen{&config}, hone::GradAccum{2});
  trainer.train(tiny::dataset(), tiny::dataset(6),
                {.num_epochs = 3,
                 .per_device_batch_size = 5,
                 .eval_per_device_batch_size = 6,
                 .max_updates = 100,
                 .seed = 7,
                 .num_threads = 1});
  CHECK(config.num_epochs == 3);
  CHECK(config.train_per_device_batch_size == 5);
  CHECK(config.eval_per_device_batch_size == 6);
  CHECK(config.num_batches_per_update == 2);
  CHECK(config.num_train_batches_per_epoch == 3);
  CHECK(config.num_eval_batches_per_epoch == 1);
  CHECK(config.num_updates_per_epoch == 2);
  CHECK(config.num_updates() == 6);
  CHECK(config.max_updates == 100);
  CHECK(config.train_total_batch_size() == 10);
  CHECK(config.eval_total_batch_size() == 6);
  CHECK(config.seed == 7U);
  CHECK(config.num_threads == 1);
  CHECK(config.num_processes == 1);
  CHECK(config.is_world_process_zero());
  CHECK(config.device == "cpu");
  CHECK(config.precision == "Fp32");

  trainer.train(tiny::dataset(), {.per_device_batch_size = 5, .drop_last = true});
  CHECK(config.num_train_batches_per_epoch == 2);
  CHECK(config.num_eval_batches_per_epoch == std::nullopt);  // not from the previous run
  CHECK(config.max_updates == std::nullopt);
  CHECK(config.seed == std::nullopt);
  CHECK(config.eval_per_device_batch_size == 0);

  trainer.evaluate(tiny::dataset(), {.per_device_batch_size = 4});
  CHECK(config.num_epochs == 1);
  CHECK(config.num_eval_batches_per_epoch == 3);
  CHECK(config.num_train_batches_per_epoch == std::nullopt);
  CHECK(config.eval_per_device_batch_size == 4);

  trainer.predict(tiny::dataset(), {.per_device_batch_size = 12});
  CHECK(config.num_eval_batches_per_epoch == 1);
}

TEST_CASE("an unsized range leaves the counts of the configuration empty, unless max_updates is set") {
  hone::RunConfig config;
  auto trainer = trainer_with(Seen{&config});
  auto batches = tiny::batches(4);
  auto unsized = batches | std::views::filter([](const auto&) { return true; });
  trainer.train(unsized, {.num_epochs = 2});
  CHECK(config.num_train_batches_per_epoch == std::nullopt);
  CHECK(config.num_updates_per_epoch == std::nullopt);
  CHECK(config.num_updates() == std::nullopt);
  CHECK(trainer.run_history().num_updates() == 8);
  trainer.train(unsized, {.num_epochs = 2, .max_updates = 5});
  CHECK(config.num_updates() == 5);
}

/// Limits the number of batches of each phase.
struct AtMost {
  std::int64_t train, eval;
  [[nodiscard]] std::optional<std::int64_t> batch_limit(hone::Phase phase) const {
    return phase == hone::Phase::train ? train : eval;
  }
};

TEST_CASE("a callback's limit on batches is part of the run's configuration") {
  hone::RunConfig config;
  std::vector<std::int64_t> batches;
  auto trainer = trainer_with(hone::GradAccum<2>{}, AtMost{3, 1}, Seen{&config, &batches}, AtMost{4, 2});
  const auto history = trainer.train(tiny::batches(5), tiny::batches(4), {.num_epochs = 2});
  CHECK(config.num_train_batches_per_epoch == 3);  // the smallest of the limits
  CHECK(config.num_eval_batches_per_epoch == 1);
  CHECK(config.num_updates_per_epoch == 2);
  CHECK(history.num_updates() == 4);  // the short window of the shortened epoch is flushed
  CHECK(batches == std::vector<std::int64_t>{3, 1, 3, 1});

  batches.clear();
  trainer.train(tiny::batches(2));  // a limit beyond the data has no effect
  CHECK(config.num_train_batches_per_epoch == 2);
  trainer.evaluate(tiny::batches(4));
  CHECK(config.num_eval_batches_per_epoch == 1);
  CHECK(trainer.predict(tiny::batches(4)).size(0) == 4);
  CHECK(batches == std::vector<std::int64_t>{2, 1, 1});
}

TEST_CASE("a callback's limit on batches ends the epochs of an infinite range") {
  auto trainer = trainer_with(hone::GradAccum<2>{}, AtMost{3, 1});
  auto endless = std::views::iota(0) | std::views::transform([](int) { return tiny::batches(1)[0]; });
  CHECK(trainer.train(endless, {.num_epochs = 2}).num_updates() == 4);
}

TEST_CASE("max_updates is the stop reason only if it ends the run before num_epochs") {
  tiny::Net net;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}};
  CHECK(trainer.train(tiny::batches(4), {.num_epochs = 2, .max_updates = 5}).stop_reason() ==
        "Reached max_updates = 5");
  CHECK(!trainer.train(tiny::batches(4), {.num_epochs = 2, .max_updates = 8}).stop_reason());
}

TEST_CASE("the default batch size of evaluations and predictions is limited to the number of samples") {
  tiny::Net net;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}};
  const auto batch = tiny::batches(1).front();
  hone::TensorDataset few{batch.first.narrow(0, 0, 2), batch.second.narrow(0, 0, 2)};
  CHECK(trainer.evaluate(few).contains("evaluation_loss"));
  CHECK(trainer.train(tiny::dataset(), few).contains("eval_loss_epoch"));
  CHECK(trainer.predict(few).size(0) == 2);
}

/// Requests a stop at the end of each epoch from `first` on, or at update `at`.
struct Impatient {
  std::int64_t first = 1'000;
  std::int64_t at = 0;
  bool before_update = false;

  void on_training_run_epoch_end(const hone::TrainingRunEpochEnd& event) const {
    if (event.run.epoch() >= first) event.run.request_stop("impatient");
  }
  void on_optimizer_step(const hone::OptimizerStep& event) const {
    if (event.run.num_updates() == at) event.run.request_stop("impatient");
  }
  void on_train_loss(const hone::TrainLoss& event) const {
    if (before_update && event.run.num_updates() == 1) event.run.request_stop_before_update("broken");
  }
};

TEST_CASE("a stop request takes effect when min_num_epochs and min_updates are reached") {
  struct Row {
    std::int64_t min_epochs, min_updates, stop_epoch, stop_update, updates, evaluations;
  };
  // Six epochs of three updates; an epoch that a stop cuts short is not evaluated.
  const auto row = GENERATE(Row{0, 0, 1, 0, 3, 1}, Row{1, 0, 1, 0, 3, 1}, Row{3, 0, 1, 0, 9, 3}, Row{3, 0, 4, 0, 12, 4},
                            Row{6, 0, 1, 0, 18, 6}, Row{0, 4, 1, 0, 4, 1}, Row{0, 6, 1, 0, 6, 1}, Row{0, 3, 1, 0, 3, 1},
                            Row{2, 8, 1, 0, 8, 2}, Row{3, 2, 1, 0, 9, 3}, Row{0, 0, 1'000, 2, 2, 0},
                            Row{0, 5, 1'000, 2, 5, 1}, Row{2, 0, 1'000, 4, 6, 2}, Row{0, 2, 1'000, 7, 7, 2});
  CAPTURE(row.min_epochs, row.min_updates, row.stop_epoch, row.stop_update);
  auto trainer = trainer_with(Impatient{row.stop_epoch, row.stop_update});
  const auto history =
      trainer.train(tiny::batches(3), tiny::batches(1),
                    {.num_epochs = 6, .min_num_epochs = row.min_epochs, .min_updates = row.min_updates});
  CHECK(history.num_updates() == row.updates);
  CHECK(static_cast<std::int64_t>(history.values("eval_loss_epoch").size()) == row.evaluations);
  CHECK(history.stop_reason() == "impatient");
}

TEST_CASE("a stop request that is deferred to the end of the run is not a stop reason") {
  auto trainer = trainer_with(Impatient{1});
  const auto history = trainer.train(tiny::batches(3), {.num_epochs = 2, .min_updates = 100});
  CHECK(history.num_updates() == 6);
  CHECK(history.stop_reason() == std::nullopt);
  const auto limited = trainer.train(tiny::batches(3), {.num_epochs = 9, .max_updates = 4, .min_num_epochs = 3});
  CHECK(limited.num_updates() == 4);
  CHECK(limited.stop_reason() == "Reached max_updates = 4");
  CHECK(trainer.train(tiny::batches(3), {.num_epochs = 9}).num_updates() == 3);  // the minimum applies to one run
}

TEST_CASE("a stop before the update is not deferred") {
  auto trainer = trainer_with(Impatient{1'000, 1, true});
  const auto history = trainer.train(tiny::batches(3), {.num_epochs = 4, .min_num_epochs = 4});
  CHECK(history.num_updates() == 1);
  CHECK(history.stop_reason() == "broken");
}

TEST_CASE("max_time ends a run after the current update, if the minimum is reached") {
  auto trainer = trainer_with(hone::GradAccum<2>{});
  const auto history = trainer.train(tiny::batches(5), {.num_epochs = 9, .max_time = std::chrono::nanoseconds(1)});
  CHECK(history.num_updates() == 1);
  CHECK(history.stop_reason() == "Reached max_time = 1e-09 s");

  const auto held =
      trainer.train(tiny::batches(5), tiny::batches(1),
                    {.num_epochs = 9, .min_num_epochs = 1, .min_updates = 4, .max_time = std::chrono::nanoseconds(1)});
  CHECK(held.num_updates() == 4);
  CHECK(held.values("eval_loss_epoch").size() == 1);

  const auto unhurried = trainer.train(tiny::batches(5), {.num_epochs = 2, .max_time = std::chrono::hours(1)});
  CHECK(unhurried.num_updates() == 6);
  CHECK(unhurried.stop_reason() == std::nullopt);
  const auto both =
      trainer.train(tiny::batches(5), {.num_epochs = 9, .max_updates = 2, .max_time = std::chrono::hours(1)});
  CHECK(both.stop_reason() == "Reached max_updates = 2");
  CHECK(trainer.train(tiny::batches(5), {.num_epochs = 2}).num_updates() == 6);  // a limit applies to one run
}

}  // namespace
