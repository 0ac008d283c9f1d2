// SPDX-License-Identifier: Apache-2.0
/// Tests of fast_dev_run, overfit_batches, num_sanity_eval_batches and HONE_LIMIT_BATCHES.
#include <torch/torch.h>

#include "hone/callbacks/early_stopping.hpp"
#include "hone/callbacks/limit_batches.hpp"
#include "hone/data/sampler.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/trace.hpp"

namespace {

/// The configuration of a run, and the first number of each batch by phase and epoch.
struct Log {
  hone::RunConfig config{};
  std::vector<std::vector<float>> train{}, eval{};
  int exceptions = 0;
};
struct Logger {
  Log* log;

  void on_training_run_start(const hone::TrainingRunStart& event) { log->config = event.run.config(); }
  void on_evaluation_run_start(const hone::EvaluationRunStart& event) { log->config = event.run.config(); }
  void on_predict_run_start(const hone::PredictRunStart& event) { log->config = event.run.config(); }
  void on_train_epoch_start(const hone::TrainEpochStart&) { log->train.emplace_back(); }
  void on_eval_epoch_start(const hone::EvalEpochStart&) { log->eval.emplace_back(); }
  void on_train_step_start(const auto& event) { log->train.back().push_back(first_of(event.batch)); }
  void on_eval_step_start(const auto& event) { log->eval.back().push_back(first_of(event.batch)); }
  void on_exception(const hone::ExceptionThrown&) { ++log->exceptions; }

 private:
  static float first_of(const auto& batch) { return batch.first[0][0].template item<float>(); }
};

template <class... Settings>
auto trainer_with(Settings... settings) {
  return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, settings...};
}

TEST_CASE("fast_dev_run = n runs one epoch of n training and n evaluation batches without a stop") {
  Log log;
  auto trainer = trainer_with(Logger{&log}, hone::GradAccum<2>{}, hone::EarlyStopping{.patience = 0});
  const auto history =
      trainer.train(tiny::batches(6), tiny::batches(4), {.num_epochs = 5, .min_num_epochs = 4, .fast_dev_run = 3});
  REQUIRE(log.train.size() == 1);
  CHECK(log.train[0].size() == 3);
  REQUIRE(log.eval.size() == 1);
  CHECK(log.eval[0].size() == 3);
  CHECK(history.num_updates() == 2);  // the short window is flushed
  CHECK(history.stop_reason() == std::nullopt);
  CHECK(log.config.fast_dev_run);
  CHECK(log.config.batch_limit == 3);
  CHECK(log.config.num_updates() == 2);

  trainer.train(tiny::batches(2), tiny::batches(1), {.fast_dev_run = 3});  // no effect beyond the data
  CHECK(log.train.back().size() == 2);
  trainer.train(tiny::batches(4), tiny::batches(1));
  CHECK(log.train.back().size() == 4);
  CHECK(!log.config.fast_dev_run);
}

TEST_CASE("resume with fast_dev_run does not continue the run of the state") {
  auto trainer = trainer_with();
  trainer.train(tiny::batches(3), {.num_epochs = 2});
  const auto state = trainer.training_state();
  const auto history = trainer.resume(state, tiny::batches(3), {.num_epochs = 4, .fast_dev_run = 2});
  CHECK(history.num_updates() == 2);
}

TEST_CASE("overfit_batches = n trains and evaluates on the first n batches in every epoch, in order") {
  Log log;
  auto trainer = trainer_with(Logger{&log});
  const auto set = tiny::dataset(24);
  trainer.train(set, set, {.num_epochs = 3, .per_device_batch_size = 4, .seed = 5, .overfit_batches = 2});
  const auto firsts = tiny::inputs(24).select(1, 0);
  const std::vector<float> expected{firsts[0].item<float>(), firsts[4].item<float>()};
  CHECK(log.train == std::vector<std::vector<float>>(3, expected));
  CHECK(log.eval == std::vector<std::vector<float>>(3, expected));
  CHECK(log.config.overfit_batches == 2);
  CHECK(log.config.num_updates() == 6);
}

TEST_CASE("overfit_batches repeats the first epoch of a loader that shuffles") {
  Log log;
  auto trainer = trainer_with(Logger{&log});
  hone::TensorLoader loader{tiny::dataset(24), {.batch_size = 4, .shuffle = true, .seed = 3}};
  trainer.train(loader, {.num_epochs = 2});
  CHECK(log.train[0] != log.train[1]);
  const std::vector<float> first{log.train[0].begin(), log.train[0].begin() + 3};
  log.train.clear();
  trainer.train(loader, {.num_epochs = 3, .overfit_batches = 3});
  CHECK(log.train == std::vector<std::vector<float>>(3, first));
}

/// Counts the batches of evaluations, and uses the random generator.
struct Drawing {
  int* evaluated;
  auto eval_batch_loss(auto& trainer, auto& batch) {
    ++*evaluated;
    CHECK(!trainer.model()->is_training());
    CHECK(!torch::GradMode::is_enabled());
    static_cast<void>(torch::rand({7}));
    return trainer.eval_batch_loss(batch);
  }
};

/// A network whose training uses the random generator.
struct DropNetImpl : tiny::NetImpl {
  torch::Tensor forward(const torch::Tensor& inputs) { return tiny::NetImpl::forward(drop(inputs)); }
  torch::nn::Dropout drop = register_module("drop", torch::nn::Dropout(0.5));
};
TORCH_MODULE(DropNet);

TEST_CASE("a sanity evaluation dispatches no events and does not change the training") {
  const auto run = [](std::int64_t steps, hone::Trace& trace, int& evaluated) {
    DropNet net;
    auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, Drawing{&evaluated},
                                 hone::TracingCallback{&trace}};
    const auto history =
        trainer.train(tiny::dataset(), tiny::dataset(),
                      {.num_epochs = 2, .per_device_batch_size = 4, .seed = 11, .num_sanity_eval_batches = steps});
    return std::pair{history, tiny::weights(net)};
  };
  hone::Trace without_trace, with_trace;
  int without_evaluated = 0, with_evaluated = 0;
  const auto without = run(0, without_trace, without_evaluated);
  const auto with = run(2, with_trace, with_evaluated);
  CHECK(without_evaluated == 6);
  CHECK(with_evaluated == 8);
  CHECK(with_trace == without_trace);
  CHECK(with.first == without.first);
  CHECK(tiny::equal(with.second, without.second));
  int all = 0;
  run(100, with_trace, all);  // more than the data: all batches
  CHECK(all == 9);
}

struct FailingEvaluation {
  auto eval_batch_loss(auto& trainer, auto& batch) {
    if (trainer.run().num_updates() == 0) throw std::runtime_error("no evaluation");
    return trainer.eval_batch_loss(batch);
  }
};

TEST_CASE("an exception in a sanity evaluation is thrown before training, and reaches on_exception") {
  Log log;
  tiny::Net net;
  auto trainer =
      hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, FailingEvaluation{}, Logger{&log}};
  const auto train = [&] { trainer.train(tiny::batches(2), tiny::batches(2), {.num_sanity_eval_batches = 1}); };
  CHECK(tiny::message_of<std::runtime_error>(train) == "no evaluation");
  CHECK(log.exceptions == 1);
  CHECK(log.train.empty());
  CHECK(net->is_training());
}

TEST_CASE("HONE_LIMIT_BATCHES limits each epoch of training and evaluation, but not predictions") {
  Log log;
  auto trainer = trainer_with(Logger{&log}, hone::GradAccum<2>{}, hone::LimitBatches{.num_eval_batches = 2});
  {
    const hone::LimitBatchesInScope limit(3);
    const auto history = trainer.train(tiny::batches(5), tiny::batches(5), {.num_epochs = 2});
    CHECK(history.num_updates() == 4);
    CHECK(log.config.batch_limit == 3);
    CHECK(log.config.num_updates() == 4);
    REQUIRE(log.train.size() == 2);
    CHECK(log.train[1].size() == 3);
    CHECK(log.eval[1].size() == 2);  // the smaller limit
    trainer_with(Logger{&log}).evaluate(tiny::batches(5));
    CHECK(log.eval.back().size() == 3);
    CHECK(log.config.batch_limit == 3);
    CHECK(trainer.predict(tiny::batches(5)).size(0) == 20);
    CHECK(log.config.batch_limit == std::nullopt);
  }
  trainer.train(tiny::batches(5));
  CHECK(log.train.back().size() == 5);
  CHECK(log.config.batch_limit == std::nullopt);

  setenv(hone::limit_batches_variable, "many", 1);
  CHECK(tiny::contains(tiny::message_of<std::invalid_argument>([&] { trainer.train(tiny::batches(5)); }),
                       "HONE_LIMIT_BATCHES is `many`"));
  unsetenv(hone::limit_batches_variable);
}

}  // namespace
