// SPDX-License-Identifier: Apache-2.0
/// Runs whose loop the host owns: everything that works in `train` works there.
#include "hone/trainer/training_run.hpp"

#include <torch/torch.h>

#include <csignal>
#include <filesystem>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/callbacks/early_stopping.hpp"
#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/intermediate_evaluation.hpp"
#include "hone/callbacks/progress_bar.hpp"
#include "hone/callbacks/save_training_state.hpp"
#include "hone/callbacks/stop_on_signal.hpp"
#include "hone/callbacks/terminate_on_nan.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/trace.hpp"

namespace {

auto trainer_of(tiny::Net net, auto... settings) {
  return hone::Trainer{net,
                       torch::nn::CrossEntropyLoss(),
                       hone::Sgd{.lr = 0.1, .momentum = 0.9},
                       hone::GradAccum<2>{},
                       hone::CosineLr{.min_lr = 0.0},
                       std::move(settings)...};
}

/// Handed out in a circle, as a simulation would.
struct Source {
  std::vector<tiny::Batch> batches = tiny::batches(3);
  std::size_t next = 0;
  const tiny::Batch& operator()() { return batches[next++ % batches.size()]; }
};

TEST_CASE("a run of the host's equals a run of train: weights, history and events") {
  tiny::Net first, second;
  hone::Trace first_trace, second_trace;
  const auto eval_set = tiny::batches(2);
  auto train =
      trainer_of(first, hone::TracingCallback{&first_trace}, hone::IntermediateEvaluation{.every_n_updates = 2});
  auto host =
      trainer_of(second, hone::TracingCallback{&second_trace}, hone::IntermediateEvaluation{.every_n_updates = 2});
  const auto expected = train.train(tiny::batches(3), eval_set, {.num_epochs = 4});
  auto run = host.begin_run(eval_set, {.num_batches_per_epoch = 3, .num_epochs = 4});
  Source source;
  while (!run.is_over()) run.step(source());
  CHECK(source.next == 12);
  const auto history = run.end();
  CHECK((history == expected));
  CHECK(history.values("intermediate_eval_loss").size() == 4);
  CHECK(first_trace == second_trace);
  CHECK(tiny::equal(tiny::weights(first), tiny::weights(second)));
}

TEST_CASE("epochs may be ended by hand, and a run may have none but the last") {
  tiny::Net net;
  auto trainer = trainer_of(net);
  auto run = trainer.begin_run({.max_updates = 4});
  Source source;
  run.step(source());
  run.step(source());
  const double mean = run.mean_loss();
  run.end_epoch();
  run.end_epoch();  // has begun no new one
  CHECK(run.run().history().at("train_loss_epoch") == mean);
  CHECK(run.run().epoch() == 2);
  run.step(source());  // half a window: the end does its update
  const auto history = run.end();
  CHECK(history.num_updates() == 2);
  CHECK(history.values("train_loss_epoch").size() == 2);
}

TEST_CASE("a run that is saved, and continued by another trainer, equals a whole one") {
  const files::Folder folder;
  const auto eval_set = tiny::batches(2);
  const auto make = [](tiny::Net net, const std::filesystem::path& path) {
    return trainer_of(net, hone::SaveTrainingState{.save_dir = path, .save_every_n_updates = 1, .verbose = false},
                      hone::EarlyStopping{.patience = 3, .verbose = false});
  };
  const hone::RunOptions options{.num_batches_per_epoch = 3, .num_epochs = 4};
  tiny::Net whole;
  auto one = make(whole, folder / "whole");
  Source source;
  auto whole_run = one.begin_run(eval_set, options);
  while (!whole_run.is_over()) whole_run.step(source());
  const auto expected = whole_run.end();
  for (const int before : {1, 2, 3, 4, 7, 11}) {
    INFO(before);
    const auto path = folder / std::to_string(before);
    try {
      auto first = make(tiny::Net(), path);
      auto run = first.begin_run(eval_set, options);
      Source early;
      for (int i = 0; i < before; ++i) run.step(early());
      throw std::string("the machine is taken away");
    } catch (const std::string&) {
    }
    tiny::Net net;
    auto second = make(net, path);
    const bool has_state = !hone::training_states_in(path).empty();
    hone::ResumeFrom source_state;
    if (has_state) source_state = path;
    auto run = second.resume_run(source_state, eval_set, options);
    Source late;
    late.next = static_cast<std::size_t>(3 * run.run().num_epochs() + run.run().batch());
    if (has_state) CHECK(late.next > 0);
    while (!run.is_over()) run.step(late());
    CHECK((run.end() == expected));
    CHECK(tiny::equal(tiny::weights(net), tiny::weights(whole)));
  }
}

TEST_CASE("a signal ends the run in order, and the host's handler is back afterwards") {
  static int heard = 0;
  heard = 0;
  const auto before = std::signal(SIGTERM, [](int) { ++heard; });
  auto trainer = trainer_of(tiny::Net(), hone::StopOnSignal{});
  auto run = trainer.begin_run({.max_updates = 100});
  Source source;
  run.step(source());
  CHECK(!run.is_over());
  std::raise(SIGTERM);
  run.step(source());
  CHECK(run.is_over());
  const auto history = run.end();
  CHECK(history.stop_reason()->find("Signal 15") == 0);
  CHECK(heard == 0);
  std::raise(SIGTERM);
  CHECK(heard == 1);
  std::signal(SIGTERM, before);
}

TEST_CASE("a step on a run that is over throws, with the reason") {
  tiny::Net net;
  auto trainer = trainer_of(net, hone::TerminateOnNaN{});
  auto run = trainer.begin_run({.max_updates = 100});
  auto bad = tiny::batches(1)[0];
  bad.first = torch::full_like(bad.first, std::numeric_limits<float>::quiet_NaN());
  const auto before = tiny::weights(net);
  run.step(bad);
  CHECK(run.is_over());
  CHECK(tiny::equal(before, tiny::weights(net)));
  CHECK_THROWS_WITH(run.step(tiny::batches(1)[0]), Catch::Contains("NaN loss") && Catch::Contains("is over"));
  CHECK(run.end().stop_reason()->find("NaN") != std::string::npos);
  CHECK_THROWS_AS(run.end(), std::logic_error);
  CHECK_NOTHROW(trainer.step(tiny::batches(1)[0]));  // the run is closed
}

TEST_CASE("a batch that throws can be left out") {
  tiny::Net net, other;
  auto trainer = trainer_of(net);
  auto expected = trainer_of(other);
  {
    auto run = trainer.begin_run({.num_batches_per_epoch = 2, .num_epochs = 1});
    run.step(tiny::batches(2)[0]);
    CHECK_THROWS_AS(run.step(tiny::Batch{torch::zeros({4, 7}), tiny::labels(4)}), hone::DataError);
    run.step(tiny::batches(2)[1]);
    CHECK(run.is_over());
  }  // its destructor ends it
  expected.train(tiny::batches(2));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(other)));
}

struct Exceptions {
  std::vector<std::string>* heard;
  void on_exception(const hone::ExceptionThrown& event) {
    try {
      std::rethrow_exception(event.exception);
    } catch (const std::exception& error) {
      heard->push_back(error.what());
    }
  }
  void on_training_run_end(const hone::TrainingRunEnd&) { heard->push_back("end"); }
};

TEST_CASE("an exception that leaves the scope of the run reaches on_exception, and the trainer is free again") {
  std::vector<std::string> heard;
  tiny::Net net;
  auto trainer = trainer_of(net, Exceptions{&heard});
  net->eval();
  try {
    auto run = trainer.begin_run({.max_updates = 9});
    run.step(tiny::batches(1)[0]);
    CHECK(net->is_training());
    throw std::runtime_error("the simulation failed");
  } catch (const std::runtime_error&) {
  }
  REQUIRE(heard.size() == 1);
  CHECK(!net->is_training());
  CHECK_NOTHROW(trainer.train(tiny::batches(2)));
  CHECK(heard.back() == "end");
}

TEST_CASE("options out of range, and runs inside of runs, are refused") {
  auto trainer = trainer_of(tiny::Net());
  CHECK_THROWS_AS(trainer.begin_run({.num_batches_per_epoch = 0}), std::invalid_argument);
  CHECK_THROWS_AS(trainer.begin_run({.max_updates = -1}), std::invalid_argument);
  CHECK_THROWS_WITH(static_cast<void>(trainer.begin_run()),
                    Catch::Contains("CosineLr"));  // it needs the length of the run
  auto run = trainer.begin_run({.max_updates = 10});
  CHECK_THROWS_AS(trainer.begin_run({.max_updates = 10}), std::logic_error);
  CHECK_THROWS_AS(trainer.train(tiny::batches(1)), std::logic_error);
  CHECK_THROWS_AS(trainer.step(tiny::batches(1)[0]), std::logic_error);
  CHECK_NOTHROW(trainer.evaluate(tiny::batches(1)));
  CHECK_NOTHROW(trainer.predict(tiny::batches(1)));
}

TEST_CASE("a callback that needs a run says so to a lone step") {
  auto trainer = trainer_of(tiny::Net(), hone::EarlyStopping{});
  CHECK_THROWS_WITH(trainer.step(tiny::batches(1)[0]),
                    Catch::Contains("EarlyStopping") && Catch::Contains("begin_run"));
  auto bar = trainer_of(tiny::Net(), hone::every<2>(hone::ProgressBar{}));
  CHECK_THROWS_AS(bar.step(tiny::batches(1)[0]), std::logic_error);
}

}  // namespace
