// SPDX-License-Identifier: Apache-2.0
/// Tests of the order of steps, records and events in each kind of run.
#include <fmt/format.h>
#include <torch/torch.h>

#include <stdexcept>
#include <vector>

#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/limit_batches.hpp"
#include "hone/callbacks/named.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/policies/clipping.hpp"
#include "hone/schedule/step.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/trace.hpp"

namespace {

auto traced(hone::Trace& trace) {
  return hone::Trainer{tiny::Net(),
                       torch::nn::CrossEntropyLoss(),
                       hone::Sgd{.lr = 0.1},
                       hone::GradAccum<2>{},
                       hone::ClipNorm{.max_norm = 1.0},
                       hone::StepLr{.step_size = 1, .gamma = 0.5},
                       hone::TracingCallback{&trace},
                       hone::TracingOverrides{&trace}};
}

const hone::Trace batch_without_update{".on_train_step_start", "train_batch_loss", ".on_train_loss", "backward",
                                       ".on_train_step_end",   ".on_resume_point"};
const hone::Trace batch_with_update{
    ".on_train_step_start", "train_batch_loss", ".on_train_loss",     "backward",       ".on_before_optimizer_step",
    "optimizer_step",       "zero_grad",        ".on_optimizer_step", "scheduler_step", ".on_train_step_end",
    ".on_resume_point"};
const hone::Trace eval_batch{".on_eval_step_start", "eval_batch_loss", ".on_eval_step_end"};

hone::Trace joined(std::initializer_list<hone::Trace> parts) {
  hone::Trace all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST_CASE("in a training run with an evaluation, the trainer's steps precede their events") {
  hone::Trace trace;
  auto trainer = traced(trace);
  CHECK(trace == hone::Trace{".on_init_end"});
  trace.clear();

  trainer.train(tiny::batches(3), tiny::batches(2), {.num_epochs = 2});
  const auto epoch = joined({{"train_epoch_start", ".on_train_epoch_start"},
                             batch_without_update,
                             batch_with_update,
                             batch_with_update,  // the short window of the third batch
                             {"train_epoch_end", ".on_train_epoch_end", "eval_epoch_start", ".on_eval_epoch_start"},
                             eval_batch,
                             eval_batch,
                             {"eval_epoch_end", ".on_eval_epoch_end"},
                             {"training_run_epoch_end", ".on_training_run_epoch_end", ".on_resume_point"}});
  CHECK(trace == joined({{"create_train_dataloader", "create_eval_dataloader", "zero_grad"},
                         {"training_run_start", ".on_training_run_start"},
                         epoch,
                         epoch,
                         {"training_run_end", ".on_training_run_end"}}));
}

TEST_CASE("a training run without an evaluation set has no evaluation events") {
  hone::Trace trace;
  auto trainer = traced(trace);
  trace.clear();
  trainer.train(tiny::batches(1));
  CHECK(trace == joined({{"create_train_dataloader", "zero_grad", "training_run_start", ".on_training_run_start"},
                         {"train_epoch_start", ".on_train_epoch_start"},
                         batch_with_update,
                         {"train_epoch_end", ".on_train_epoch_end"},
                         {"training_run_epoch_end", ".on_training_run_epoch_end", ".on_resume_point"},
                         {"training_run_end", ".on_training_run_end"}}));
}

TEST_CASE("an evaluation run has a start, batches and an end") {
  hone::Trace trace;
  auto trainer = traced(trace);
  trace.clear();
  trainer.evaluate(tiny::batches(2));
  CHECK(trace == joined({{"create_eval_dataloader", "evaluation_run_start", ".on_evaluation_run_start"},
                         {"eval_epoch_start", ".on_eval_epoch_start"},
                         eval_batch,
                         eval_batch,
                         {"eval_epoch_end", ".on_eval_epoch_end"},
                         {"evaluation_run_end", ".on_evaluation_run_end"}}));
}

TEST_CASE("a prediction run has a start, batches and an end") {
  hone::Trace trace;
  auto trainer = traced(trace);
  trace.clear();
  trainer.predict(tiny::batches(2));
  const hone::Trace batch{".on_predict_step_start", "predict_batch", ".on_predict_step_end"};
  CHECK(trace == joined({{"create_eval_dataloader", ".on_predict_run_start"}, batch, batch, {".on_predict_run_end"}}));
}

TEST_CASE("a run of 0 epochs dispatches only its start and its end") {
  hone::Trace trace;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, hone::TracingCallback{&trace}};
  const auto history = trainer.train(tiny::batches(1), {.num_epochs = 0});
  CHECK(trace == hone::Trace{".on_init_end", ".on_training_run_start", ".on_training_run_end"});
  CHECK(history.names().empty());
  CHECK(history.current_epoch() == 1);
}

/// Checks the members of each event and of the run.
struct Observer {
  std::vector<std::string>* seen;

  void on_train_step_start(const auto& event) {
    CHECK(event.trainer.model()->is_training());
    CHECK(event.batch.first.size(0) == 4);
    note(event.run, "start");
  }
  void on_train_loss(const auto& event) {
    CHECK(event.output.loss.requires_grad());
    CHECK(event.output.outputs.size(1) == 2);
    CHECK(event.output.batch_size == 4);
    note(event.run, "loss");
  }
  void on_before_optimizer_step(const auto& event) {
    CHECK(tiny::has_gradients(event.trainer.model()));
    CHECK(event.clipped.template item<double>() > 0.0);  // the norm before clipping
    note(event.run, "before");
  }
  void on_optimizer_step(const auto& event) {
    CHECK(!tiny::has_gradients(event.trainer.model()));
    note(event.run, "update");
  }
  void on_train_step_end(const auto& event) {
    CHECK(event.output.loss.dim() == 0);
    note(event.run, "end");
  }
  void on_train_epoch_end(const hone::TrainEpochEnd& event) {
    CHECK(event.run.history().at("train_loss_epoch") == event.loss);  // recorded before the event
  }
  void on_eval_step_start(const auto& event) {
    CHECK(!event.trainer.model()->is_training());
    CHECK(!torch::GradMode::is_enabled());
    note(event.run, "eval");
  }
  void on_eval_step_end(const auto& event) {
    CHECK(!event.output.loss.requires_grad());
    CHECK(event.batch.second.size(0) == 4);
  }
  void on_eval_epoch_end(const hone::EvalEpochEnd& event) {
    CHECK(event.run.history().at(event.run.phase() == hone::Phase::eval ? "eval_loss_epoch" : "evaluation_loss") ==
          event.loss);
  }
  void on_predict_step_end(const auto& event) {
    CHECK(event.outputs.size(0) == 4);
    note(event.run, "predict");
  }

 private:
  void note(const hone::Run& run, const char* what) {
    seen->push_back(fmt::format("{} {} epoch {} step {} updates {}", to_string(run.phase()), what, run.epoch(),
                                run.batch(), run.num_updates()));
    CHECK(run.num_batches() == 2);
  }
};

TEST_CASE("events have the batch, the output and the position in the run") {
  std::vector<std::string> seen;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1},
                               hone::ClipNorm{.max_norm = 1.0}, Observer{&seen}};
  trainer.train(tiny::batches(2), tiny::batches(2));
  CHECK(seen == std::vector<std::string>{"train start epoch 1 step 0 updates 0", "train loss epoch 1 step 0 updates 0",
                                         "train before epoch 1 step 0 updates 0",
                                         "train update epoch 1 step 0 updates 1", "train end epoch 1 step 0 updates 1",
                                         "train start epoch 1 step 1 updates 1", "train loss epoch 1 step 1 updates 1",
                                         "train before epoch 1 step 1 updates 1",
                                         "train update epoch 1 step 1 updates 2", "train end epoch 1 step 1 updates 2",
                                         "eval eval epoch 1 step 0 updates 2", "eval eval epoch 1 step 1 updates 2"});
  seen.clear();
  trainer.evaluate(tiny::batches(2));
  CHECK(seen.size() == 2);
  seen.clear();
  trainer.predict(tiny::batches(2));
  CHECK(seen == std::vector<std::string>{"predict predict epoch 2 step 0 updates 2",
                                         "predict predict epoch 2 step 1 updates 2"});
}

struct Dinner {
  int guests;
};
struct Host {
  int* guests;
  void on_event(const Dinner& event) { *guests += event.guests; }
};
struct Deaf {
  void on_init_end(const hone::InitEnd&) {}
};
struct Asks {
  auto train_batch_loss(auto& trainer, auto& batch) {
    trainer.notify(Dinner{3});
    return trainer.train_batch_loss(batch);
  }
};

TEST_CASE("a user-defined event reaches the callbacks that handle it, from within a run and from outside") {
  int guests = 0;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Deaf{}, Host{&guests}, Asks{}};
  trainer.notify(Dinner{2});
  CHECK(guests == 2);
  trainer.train(tiny::batches(2));
  CHECK(guests == 8);
  trainer.notify(42);  // no callback handles it
}

struct Ordered {
  std::string* text;
  char name;
  void on_train_loss(const hone::TrainLoss&) { *text += name; }
};

TEST_CASE("callbacks are called in the order of the constructor, also several of one type") {
  std::string text;
  auto trainer = hone::Trainer{tiny::Net(),
                               torch::nn::CrossEntropyLoss(),
                               hone::Sgd{},
                               Ordered{&text, 'a'},
                               hone::ClipNorm{.max_norm = 1.0},
                               Ordered{&text, 'b'},
                               Deaf{},
                               Ordered{&text, 'c'}};
  trainer.train(tiny::batches(2));
  CHECK(text == "abcabc");
}

TEST_CASE("callbacks of one type are accessible by name, with deduced and explicit template arguments") {
  std::string text;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{},
                               hone::named<"first">(Ordered{&text, 'a'}), hone::named<"second">(Ordered{&text, 'b'})};
  trainer.callbacks().get<"second">().name = 'c';
  trainer.train(tiny::batches(2));
  CHECK(text == "acac");

  hone::Trainer<tiny::Net, torch::nn::CrossEntropyLoss, hone::Sgd,
                hone::Callbacks<hone::NamedCallback<"few", hone::LimitBatches>>>
      written(tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{});
  written.callbacks().get<"few">().num_batches = 1;
  written.train(tiny::batches(5));
  CHECK(written.run_history().num_updates() == 1);
}

TEST_CASE("on_optimizer_step reads the learning rate of its update, and on_train_step_end the next one") {
  std::vector<double> during, after;
  auto trainer =
      hone::Trainer{tiny::Net(),
                    torch::nn::CrossEntropyLoss(),
                    hone::Sgd{.lr = 0.8},
                    hone::StepLr{.step_size = 1, .gamma = 0.5},
                    hone::on<hone::OptimizerStep>([&](const auto& e) { during.push_back(e.trainer.optimizer().lr()); }),
                    hone::on<hone::TrainStepEnd>([&](const auto& e) { after.push_back(e.trainer.optimizer().lr()); })};
  trainer.train(tiny::batches(3));
  CHECK(during == std::vector<double>{0.8, 0.4, 0.2});
  CHECK(after == std::vector<double>{0.4, 0.2, 0.1});
}

TEST_CASE("a checkpoint made in on_optimizer_step has the learning rate that its schedule position implies") {
  std::vector<double> rates;
  hone::Dict saved;
  auto trainer =
      hone::Trainer{tiny::Net(),
                    torch::nn::CrossEntropyLoss(),
                    hone::Sgd{.lr = 0.8},
                    hone::StepLr{.step_size = 1, .gamma = 0.5},
                    hone::on<hone::TrainStepStart>([&](const auto& e) { rates.push_back(e.trainer.optimizer().lr()); }),
                    hone::on<hone::OptimizerStep>([&](const auto& e) {
                      if (e.run.num_updates() == 2) saved = hone::cloned(e.trainer.checkpoint());
                    })};
  trainer.train(tiny::batches(3));
  CHECK(rates == std::vector<double>{0.8, 0.4, 0.2});
  CHECK(saved.at("scheduler_state_dict").at("num_updates").number() == 2);
  CHECK(saved.at("optimizer_state_dict").at("param_groups").items()[0].at("lr").get<double>() == 0.2);
}

TEST_CASE("a handler that throws in on_optimizer_step leaves the learning rate of the next update") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.8},
                               hone::StepLr{.step_size = 1, .gamma = 0.5},
                               hone::on<hone::OptimizerStep>([](const auto&) { throw std::runtime_error("full"); })};
  CHECK_THROWS_AS(trainer.step(tiny::batches(1)[0]), std::runtime_error);
  CHECK(trainer.optimizer().lr() == 0.4);
  CHECK(trainer.scheduled_updates() == 1);
}

/// Counts its calls, and what the optimizer's rate is at each event.
struct HalvesLr {
  int calls = 0;
  void scheduler_step(auto& trainer) {
    ++calls;
    trainer.optimizer().set_lr(trainer.optimizer().lr() / 2);
  }
};

TEST_CASE("the override scheduler_step is called once for each update, after on_optimizer_step") {
  std::vector<double> during;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.8}, HalvesLr{},
                               hone::on<hone::OptimizerStep>([&](const auto& e) {
                                 during.push_back(e.trainer.optimizer().lr());
                                 static_cast<void>(e.trainer.checkpoint());
                               })};
  trainer.train(tiny::batches(3));
  CHECK(during == std::vector<double>{0.8, 0.4, 0.2});
  CHECK(trainer.overrides().calls == 3);
}

}  // namespace
