// SPDX-License-Identifier: Apache-2.0
/// Tests of evaluations within training epochs, and of epochs without an evaluation.
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>

#include "hone/callbacks/early_stopping.hpp"
#include "hone/callbacks/intermediate_evaluation.hpp"
#include "hone/callbacks/limit_eval_batches.hpp"
#include "hone/callbacks/metrics.hpp"
#include "hone/callbacks/save_best.hpp"
#include "hone/metrics/accuracy.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/temporary_folder.hpp"

namespace {

/// Appends each event to a text.
struct Diary {
  std::string* text;

  void on_optimizer_step(const hone::OptimizerStep& event) const {
    *text += fmt::format("u{} ", event.run.num_updates());
  }
  void on_train_step_end(const auto& event) const {
    CHECK(event.run.phase() == hone::Phase::train);
    CHECK(event.trainer.model()->is_training());
    CHECK(torch::GradMode::is_enabled());
    *text += fmt::format("b{}/{} ", event.run.batch() + 1, event.run.num_batches().value_or(0));
  }
  void on_eval_epoch_start(const auto& event) const {
    CHECK(!event.trainer.model()->is_training());
    *text += fmt::format("{}( ", to_string(event.run.phase()));
  }
  void on_eval_step_end(const hone::EvalStepEnd& event) const {
    *text += fmt::format("{}/{} ", event.run.batch() + 1, event.run.num_batches().value_or(0));
  }
  void on_eval_epoch_end(const hone::EvalEpochEnd&) const { *text += ") "; }
};

TEST_CASE("an intermediate evaluation follows the update, and training continues at the same batch") {
  std::string text;
  auto trainer = hone::Trainer{tiny::Net(),
                               torch::nn::CrossEntropyLoss(),
                               hone::Sgd{.lr = 0.1},
                               hone::GradAccum<2>{},
                               hone::IntermediateEvaluation{.every_n_updates = 2},
                               Diary{&text},
                               hone::LimitEvalBatches{.num_batches = 2}};
  const auto history = trainer.train(tiny::batches(5), tiny::batches(3), {.num_epochs = 2});
  CHECK(text ==
        "b1/5 u1 b2/5 b3/5 u2 intermediate_eval( 1/2 2/2 ) b4/5 u3 b5/5 eval( 1/3 2/3 3/3 ) "
        "b1/5 u4 intermediate_eval( 1/2 2/2 ) b2/5 b3/5 u5 b4/5 u6 intermediate_eval( 1/2 2/2 ) b5/5 eval( 1/3 2/3 3/3 "
        ") ");
  const auto losses = history.values("intermediate_eval_loss");
  REQUIRE(losses.size() == 3);
  CHECK(losses[0].update == 2);
  CHECK(losses[1].update == 4);
  CHECK(losses[1].epoch == 2);
  CHECK(losses[1].phase == hone::Phase::intermediate_eval);
  CHECK(history.values("eval_loss_epoch").size() == 2);
}

TEST_CASE("intermediate evaluations do not change weights and records of training") {
  const auto run = [](tiny::Net net, auto... callbacks) {
    auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1, .momentum = 0.9},
                                 hone::GradAccum<2>{}, callbacks...};
    return trainer.train(tiny::dataset(), tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 2, .seed = 5});
  };
  tiny::Net with, without;
  const auto plain = run(without);
  const auto history = run(with, hone::IntermediateEvaluation{.every_n_updates = 1});
  CHECK(tiny::equal(tiny::weights(with), tiny::weights(without)));
  CHECK(std::ranges::equal(history.values("train_loss_epoch"), plain.values("train_loss_epoch")));
  CHECK(std::ranges::equal(history.values("eval_loss_epoch"), plain.values("eval_loss_epoch")));
  REQUIRE(history.values("intermediate_eval_loss").size() == 6);
  CHECK(history.values("intermediate_eval_loss")[2].value == history.values("eval_loss_epoch")[0].value);
}

/// Keeps a part of the model in evaluation mode while it trains.
struct FrozenPart {
  void train_epoch_start(auto& trainer) {
    trainer.train_epoch_start();
    trainer.model()->first->eval();
  }
};
struct ModesAtStep {
  int* wrong;
  void on_train_step_start(const auto& event) const {
    if (event.trainer.model()->first->is_training() || !event.trainer.model()->second->is_training()) ++*wrong;
  }
};

TEST_CASE("an intermediate evaluation restores the mode of each submodule") {
  int wrong = 0;
  auto trainer = hone::Trainer{tiny::Net(),          torch::nn::CrossEntropyLoss(),
                               hone::Sgd{.lr = 0.1}, hone::IntermediateEvaluation{.every_n_updates = 1},
                               FrozenPart{},         ModesAtStep{&wrong}};
  trainer.train(tiny::batches(3), tiny::batches(1));
  CHECK(wrong == 0);
}

TEST_CASE("metrics of intermediate evaluations are separate from evaluations after epochs, also for callbacks") {
  const TemporaryFolder folder;
  auto trainer = hone::Trainer{tiny::Net(),
                               torch::nn::CrossEntropyLoss(),
                               hone::Sgd{.lr = 0.1},
                               hone::Metrics{hone::Accuracy{}},
                               hone::IntermediateEvaluation{.every_n_updates = 1},
                               hone::EarlyStopping{.patience = 5, .min_delta = 0.0},
                               hone::SaveBest{.save_path = folder / "best.pt", .load_saved_checkpoint = false}};
  auto training = tiny::batches(4), evaluation = tiny::batches(2);  // training increases the loss of an evaluation
  for (auto& [x, y] : training) y = torch::zeros_like(y);
  for (auto& [x, y] : evaluation) y = torch::ones_like(y);
  const auto history = trainer.train(training, evaluation, {.num_epochs = 2});
  CHECK(history.values("intermediate_eval_accuracy").size() == 8);
  CHECK(history.values("eval_accuracy_epoch").size() == 2);
  const auto within = history.values("intermediate_eval_loss"), after = history.values("eval_loss_epoch");
  REQUIRE((within.size() == 8 && after.size() == 2));
  CHECK((within[0].value < after[0].value && after[0].value < after[1].value));
  const auto& stopping = trainer.callbacks().get<hone::EarlyStopping>().state;
  CHECK(stopping.best == after[0].value);
  CHECK(stopping.last == after[1].value);
  CHECK(stopping.waited == 1);
  const auto& saving = trainer.callbacks().get<hone::SaveBest>().state;
  CHECK(saving.best == after[0].value);
  CHECK(saving.best_epoch == 1);
}

TEST_CASE("IntermediateEvaluation does nothing without an evaluation set, and throws outside of a run") {
  tiny::Net net;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1},
                               hone::IntermediateEvaluation{.every_n_updates = 1}};
  const auto history = trainer.train(tiny::batches(3));
  CHECK(history.num_updates() == 3);
  CHECK(!history.contains("intermediate_eval_loss"));
  auto batch = tiny::batches(1).front();
  CHECK_THROWS_WITH(trainer.step(batch), Catch::Contains("IntermediateEvaluation requires a run"));
  CHECK(!trainer.run_history().contains("intermediate_eval_loss"));
}

/// Requests a stop in the first batch of an intermediate evaluation.
struct StopsWithin {
  void on_eval_step_end(const hone::EvalStepEnd& event) const {
    if (event.run.phase() == hone::Phase::intermediate_eval) event.run.request_stop("within");
  }
};

TEST_CASE("a stop request in an intermediate evaluation ends the evaluation and the run") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1},
                               hone::IntermediateEvaluation{.every_n_updates = 2}, StopsWithin{}};
  const auto history = trainer.train(tiny::batches(5), tiny::batches(3));
  CHECK(history.num_updates() == 2);
  CHECK(history.stop_reason() == "within");
  CHECK(!history.contains("intermediate_eval_loss"));
  CHECK(!history.contains("eval_loss_epoch"));
}

TEST_CASE("one loader for training and intermediate evaluations throws, and one vector of batches does not") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1},
                               hone::IntermediateEvaluation{.every_n_updates = 1}};
  hone::TensorLoader loader{tiny::dataset(), {.batch_size = 4}};
  const auto train = [&] { trainer.train(loader, loader); };
  CHECK(tiny::contains(tiny::message_of<hone::DataError>(train), "on the same loader"));
  auto batches = tiny::batches(3);
  CHECK(trainer.train(batches, batches).values("intermediate_eval_loss").size() == 3);
}

TEST_CASE("evaluate_every_n_epochs = n evaluates after every n-th epoch") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1},
                               hone::EarlyStopping{.patience = 5}};
  const auto evaluated = [](const hone::RunHistory& history) {
    std::vector<std::int64_t> epochs;
    for (const auto& record : history.values("eval_loss_epoch")) epochs.push_back(record.epoch);
    return epochs;
  };
  const auto history =
      trainer.train(tiny::batches(2), tiny::batches(1), {.num_epochs = 5, .evaluate_every_n_epochs = 2});
  CHECK(evaluated(history) == std::vector<std::int64_t>{2, 4});
  const auto more = trainer.train(tiny::batches(2), tiny::batches(1),
                                  {.num_epochs = 2, .evaluate_every_n_epochs = 3, .reset_run_history = false});
  CHECK(evaluated(more) == std::vector<std::int64_t>{2, 4, 6});
}

}  // namespace
