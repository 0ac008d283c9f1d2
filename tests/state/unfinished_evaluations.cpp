// SPDX-License-Identifier: Apache-2.0
/// Tests that a run that was stopped at any event, also within evaluations, resumes to the history, weights and files
/// of an uninterrupted run.
#include "hone/state/unfinished_evaluations.hpp"

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>

#include "checkpoint/files.hpp"
#include "hone/callbacks/early_stopping.hpp"
#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/intermediate_evaluation.hpp"
#include "hone/callbacks/limit_eval_batches.hpp"
#include "hone/callbacks/metrics.hpp"
#include "hone/callbacks/reduce_lr_on_plateau.hpp"
#include "hone/callbacks/save_best.hpp"
#include "hone/callbacks/save_training_state.hpp"
#include "hone/callbacks/terminate_on_nan.hpp"
#include "hone/finetune/model_ema.hpp"
#include "hone/metrics/accuracy.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/reduce_on_plateau.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/temporary_folder.hpp"

namespace {

namespace fs = std::filesystem;

/// Requests a stop at one event, counted over all events that it and its copies handle.
struct StopAt {
  std::shared_ptr<int> countdown;
  std::shared_ptr<std::string> event;

#define HONE_STOP_AT(hook, Event) \
  void hook(const hone::Event& told) { count(#hook, told.run); }
  HONE_HOOKS(HONE_STOP_AT)
#undef HONE_STOP_AT

  void count(const char* hook, hone::Run& run) const {
    if (--*countdown != 0) return;
    *event = std::string(hook) + " in " + std::string(to_string(run.phase()));
    run.request_stop("asked");
  }
};

struct Outcome {
  std::optional<hone::RunHistory> history{};
  std::vector<torch::Tensor> weights{};
  std::string event{};
  int num_events = 0;
};

/// Trains three epochs of four batches, with an evaluation after every second update and after each epoch, and with
/// averaged weights.
Outcome train(const fs::path& folder, int stop_at = 0) {
  constexpr int never = 1 << 30;
  const auto countdown = std::make_shared<int>(stop_at > 0 ? stop_at : never);
  const StopAt stop{countdown, std::make_shared<std::string>()};
  torch::manual_seed(3);
  tiny::Net net;
  auto trainer = hone::Trainer{
      net,
      torch::nn::CrossEntropyLoss(),
      hone::Sgd{.lr = 0.5, .momentum = 0.9},
      hone::Metrics{hone::Accuracy{}}.in_training(),
      hone::IntermediateEvaluation{.every_n_updates = 2},
      hone::ReduceLrOnPlateau{.plateau = hone::ReduceOnPlateau{.factor = 0.5, .patience = 0, .threshold = 0.5}},
      hone::EarlyStopping{.patience = 100, .watch_metric = "train_loss_epoch"},
      hone::ModelEma{.decay = 0.5, .callbacks = hone::CallbackSet{hone::Metrics{hone::Accuracy{}}, stop}},
      hone::SaveBest{.save_path = folder / "best.pt", .watch_metric = "ema_model_eval_loss_epoch"},
      hone::SaveBest{.save_path = folder / "best_in_training.pt", .watch_metric = "train_loss_epoch"},
      stop,
      hone::SaveTrainingState{.save_dir = folder, .save_every_n_updates = 1, .keep_last = 1}};
  auto history = trainer.resume(hone::latest_training_state(folder), tiny::batches(4), tiny::batches(3),
                                {.num_epochs = 3, .seed = 5});
  return {history, tiny::weights(net), *stop.event, never - *countdown};
}

std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::directory_iterator(folder)) {
    all[entry.path().filename().string()] = files::read(entry.path());
  }
  return all;
}

TEST_CASE("a run that was stopped at any event resumes to the result of an uninterrupted run") {
  const TemporaryFolder whole;
  const auto expected = train(whole.path);
  REQUIRE(expected.history->values("intermediate_eval_loss").size() == 6);
  REQUIRE(expected.history->values("ema_model_eval_accuracy_epoch").size() == 3);
  const auto files = contents(whole.path);
  REQUIRE(files.size() == 4);  // including the lock file of the folder

  for (int stop_at = 1; stop_at < expected.num_events; ++stop_at) {
    const TemporaryFolder folder;
    const auto stopped = train(folder.path, stop_at);
    CAPTURE(stop_at, stopped.event);
    for (const auto* name : {"eval_loss_epoch", "eval_accuracy_epoch", "intermediate_eval_loss",
                             "intermediate_eval_accuracy", "ema_model_eval_loss_epoch"}) {
      const auto values = stopped.history->values(name), all = expected.history->values(name);
      CAPTURE(name);
      CHECK(values.size() <= all.size());
      CHECK(std::equal(values.begin(), values.end(), all.begin()));
    }
    const auto resumed = train(folder.path);
    CHECK(*resumed.history == *expected.history);
    CHECK(tiny::equal(resumed.weights, expected.weights));
    CHECK((contents(folder.path) == files));
  }
}

TEST_CASE("an evaluation that stops at a NaN loss records nothing") {
  auto bad = tiny::batches(3);
  bad[1].first.fill_(std::numeric_limits<float>::quiet_NaN());
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, hone::TerminateOnNaN{},
                               hone::Metrics{hone::Accuracy{}}};
  CHECK(trainer.train(tiny::batches(2), bad).names() == std::vector<std::string>{"train_loss_epoch"});
  CHECK(trainer.evaluate(bad).names().empty());
}

TEST_CASE("an evaluation that callbacks shorten is recorded") {
  auto trainer = hone::Trainer{tiny::Net(),
                               torch::nn::CrossEntropyLoss(),
                               hone::Sgd{},
                               hone::Metrics{hone::Accuracy{}},
                               hone::IntermediateEvaluation{.every_n_updates = 1},
                               hone::LimitEvalBatches{.num_batches = 1},
                               hone::on<hone::EvalStepEnd>([](const auto& event) {
                                 if (event.run.phase() == hone::Phase::intermediate_eval)
                                   event.run.request_stop("last");
                               })};
  const auto history = trainer.train(tiny::batches(2), tiny::batches(3));
  CHECK(history.values("intermediate_eval_loss").size() == 1);
  CHECK(history.values("intermediate_eval_accuracy").size() == 1);
  CHECK(history.stop_reason() == "last");
}

TEST_CASE("a run resumed after an exception in an evaluation repeats the evaluation") {
  const TemporaryFolder folder;
  const auto run = [&](bool throws) {
    torch::manual_seed(3);
    auto trainer = hone::Trainer{tiny::Net(),
                                 torch::nn::CrossEntropyLoss(),
                                 hone::Sgd{.lr = 0.1},
                                 hone::Metrics{hone::Accuracy{}},
                                 hone::SaveTrainingState{.save_dir = folder.path, .save_every_n_updates = 1},
                                 hone::on<hone::EvalStepEnd>([throws](const auto& event) {
                                   if (throws && event.run.batch() == 1) throw std::runtime_error("broken");
                                 })};
    return trainer.resume(hone::latest_training_state(folder.path), tiny::batches(2), tiny::batches(3),
                          {.num_epochs = 2});
  };
  CHECK_THROWS_WITH(run(true), "broken");
  const auto history = run(false);
  CHECK(history.values("eval_loss_epoch").size() == 2);
  CHECK(history.values("eval_accuracy_epoch").size() == 2);
}

}  // namespace
