// SPDX-License-Identifier: Apache-2.0
/// Tests of runs with custom loops: everything that works in `train` works there.
#include "hone/trainer/training_run.hpp"

#include <torch/torch.h>

#include <csignal>
#include <filesystem>
#include <limits>
#include <optional>
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

/// Returns three batches cyclically.
struct Source {
  std::vector<tiny::Batch> batches = tiny::batches(3);
  std::size_t next = 0;
  const tiny::Batch& operator()() { return batches[next++ % batches.size()]; }
};

TEST_CASE("a run with a custom loop equals train: weights, history and events") {
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

TEST_CASE("end_epoch ends an epoch, and end() updates the open window and ends the last epoch") {
  tiny::Net net;
  auto trainer = trainer_of(net);
  auto run = trainer.begin_run({.max_updates = 4});
  Source source;
  run.step(source());
  run.step(source());
  const double mean = run.mean_loss();
  run.end_epoch();
  run.end_epoch();  // no-op: no new epoch has begun
  CHECK(run.run().history().at("train_loss_epoch") == mean);
  CHECK(run.run().epoch() == 2);
  run.step(source());  // half a window, which end() updates
  const auto history = run.end();
  CHECK(history.num_updates() == 2);
  CHECK(history.values("train_loss_epoch").size() == 2);
}

TEST_CASE("a custom loop that another trainer resumes equals an uninterrupted one") {
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

TEST_CASE("StopOnSignal ends a custom loop, and end() restores the host's signal handler") {
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

TEST_CASE("a step of a finished run throws with the stop reason") {
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

TEST_CASE("a batch that throws can be skipped") {
  tiny::Net net, other;
  auto trainer = trainer_of(net);
  auto expected = trainer_of(other);
  {
    auto run = trainer.begin_run({.num_batches_per_epoch = 2, .num_epochs = 1});
    run.step(tiny::batches(2)[0]);
    CHECK_THROWS_AS(run.step(tiny::Batch{torch::zeros({4, 7}), tiny::labels(4)}), hone::DataError);
    run.step(tiny::batches(2)[1]);
    CHECK(run.is_over());
  }  // the destructor ends the run
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

TEST_CASE("an exception that leaves the run's scope reaches on_exception, and the trainer stays usable") {
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

TEST_CASE("begin_run throws for options out of range and within a run") {
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

TEST_CASE("step outside of a run throws if a callback needs a run") {
  auto trainer = trainer_of(tiny::Net(), hone::EarlyStopping{});
  CHECK_THROWS_WITH(trainer.step(tiny::batches(1)[0]),
                    Catch::Contains("EarlyStopping") && Catch::Contains("begin_run"));
  auto bar = trainer_of(tiny::Net(), hone::every<2>(hone::ProgressBar{}));
  CHECK_THROWS_AS(bar.step(tiny::batches(1)[0]), std::logic_error);
}

/// Returns an open run, as a function of a host program may.
template <class Trainer>
auto opened(Trainer& trainer, std::int64_t num_updates) {
  auto run = trainer.begin_run(tiny::batches(2), {.num_batches_per_epoch = 3, .max_updates = num_updates});
  run.step(tiny::batches(1)[0]);
  return std::optional(std::move(run));
}

TEST_CASE("a run can be moved between steps, and owns evaluation data that is an rvalue") {
  tiny::Net net, other;
  std::vector<std::string> heard;
  auto trainer = trainer_of(net, Exceptions{&heard});
  auto expected = trainer_of(other);
  net->eval();
  auto run = opened(trainer, 4);
  CHECK(net->is_training());
  auto moved = std::move(*run);
  CHECK_THROWS_WITH(run->step(tiny::batches(1)[0]), Catch::Contains("the run was moved"));
  CHECK_THROWS_AS(run->end(), std::logic_error);
  CHECK(run->is_over());
  CHECK_NOTHROW(run->end_epoch());
  run.reset();
  CHECK(heard.empty());
  while (!moved.is_over()) moved.step(tiny::batches(1)[0]);
  const auto history = moved.end();
  CHECK(heard == std::vector<std::string>{"end"});
  CHECK(!net->is_training());

  const auto eval_set = tiny::batches(2);
  auto whole = expected.begin_run(eval_set, {.num_batches_per_epoch = 3, .max_updates = 4});
  while (!whole.is_over()) whole.step(tiny::batches(1)[0]);
  CHECK((whole.end() == history));
  CHECK(history.values("eval_loss_epoch").size() == 2);
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(other)));
}

TEST_CASE("a run that is assigned to ends as in its destructor") {
  std::vector<std::string> first_heard, second_heard;
  auto first = trainer_of(tiny::Net(), Exceptions{&first_heard});
  auto second = trainer_of(tiny::Net(), Exceptions{&second_heard});
  auto run = first.begin_run({.max_updates = 4});
  run.step(tiny::batches(1)[0]);
  run = second.begin_run({.max_updates = 4});
  CHECK(first_heard == std::vector<std::string>{"end"});
  CHECK(first.run_history().num_updates() == 1);
  CHECK_NOTHROW(first.step(tiny::batches(1)[0]));
  run = first.begin_run({.max_updates = 4});
  CHECK(second_heard == std::vector<std::string>{"end"});
  try {
    const auto unwound = std::move(run);
    throw std::runtime_error("the simulation failed");
  } catch (const std::runtime_error&) {
  }
  CHECK(first_heard.size() == 2);
  CHECK(first_heard.back() != "end");
}

/// Throws once, when a run starts.
struct FailsOnce {
  bool* fails;
  void on_training_run_start(const hone::TrainingRunStart&) {
    if (std::exchange(*fails, false)) throw std::runtime_error("not yet");
  }
};

TEST_CASE("a run that fails before it has resumed leaves nothing to resume") {
  bool fails = false;
  tiny::Net net;
  auto trainer = trainer_of(net, FailsOnce{&fails});
  trainer.train(tiny::batches(4), {.num_epochs = 2});
  const auto state = hone::cloned(trainer.training_state());
  fails = true;
  CHECK_THROWS(trainer.resume(state, tiny::batches(4), {.num_epochs = 3}));
  CHECK(trainer.train(tiny::batches(4), {.num_epochs = 1}).num_updates() == 2);
  CHECK(trainer.run().num_epochs() == 1);
  fails = true;
  CHECK_THROWS(static_cast<void>(trainer.resume_run(state, {.num_batches_per_epoch = 4, .num_epochs = 3})));
  CHECK(trainer.train(tiny::batches(4), {.num_epochs = 1}).num_updates() == 2);
}

}  // namespace
