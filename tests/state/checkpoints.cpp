// SPDX-License-Identifier: Apache-2.0
/// Tests how load_checkpoint affects the schedule of the current run and of the next run.
#include "hone/state/checkpoints.hpp"

#include <torch/torch.h>

#include <stdexcept>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

auto trainer_of(tiny::Net net, auto... settings) {
  return hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1, .momentum = 0.9},
                       hone::CosineLr{.min_lr = 0.0}, std::move(settings)...};
}

/// Loads a checkpoint after the second epoch, and stores the training state after the third.
struct LoadInRun {
  const hone::Dict* good;
  hone::Dict* state;
  std::vector<double>* rates;
  void on_resume_point(const auto& event) {
    if (event.run.batch() != 0) return;
    if (event.run.num_epochs() == 2) {
      event.trainer.load_checkpoint(*good);
      CHECK(event.trainer.scheduled_updates() == 6);
      rates->push_back(event.trainer.optimizer().lr());
    }
    if (event.run.num_epochs() == 3) {
      CHECK(event.trainer.scheduled_updates() == 9);
      *state = hone::cloned(event.trainer.training_state());
    }
  }
};

TEST_CASE("load_checkpoint within a run keeps the position of the run's schedule") {
  auto first = trainer_of(tiny::Net());
  first.train(tiny::batches(3));
  const auto good = hone::cloned(first.checkpoint());
  hone::Dict state, ignored;
  std::vector<double> rates;
  tiny::Net whole, rest;
  auto trainer = trainer_of(whole, LoadInRun{&good, &state, &rates});
  trainer.train(tiny::batches(3), {.num_epochs = 5});
  CHECK(rates == std::vector<double>{hone::CosineLr{.total_updates = 15, .min_lr = 0.0}(0.1, 6)});
  auto resumed = trainer_of(rest, LoadInRun{&good, &ignored, &rates});
  resumed.resume(state, tiny::batches(3), {.num_epochs = 5});
  CHECK(tiny::equal(tiny::weights(whole), tiny::weights(rest)));
}

TEST_CASE("train throws if the loaded schedule is finished, unless it is restarted, extended or not loaded") {
  auto first = trainer_of(tiny::Net());
  first.train(tiny::batches(3));
  const auto end = hone::cloned(first.checkpoint());
  tiny::Net net;
  auto trainer = trainer_of(net);
  trainer.load_checkpoint(end);
  const auto before = tiny::weights(net);
  CHECK_THROWS_WITH(trainer.train(tiny::batches(3)), Catch::Contains("The schedule has ended") &&
                                                         Catch::Contains("is at update 3, ") &&
                                                         Catch::Contains("load_scheduler = false"));
  CHECK(tiny::equal(before, tiny::weights(net)));
  trainer.restart_schedule();
  trainer.train(tiny::batches(3));
  CHECK(!tiny::equal(before, tiny::weights(net)));

  trainer.load_checkpoint(end, {.load_scheduler = false});
  CHECK_NOTHROW(trainer.train(tiny::batches(3)));
  trainer.load_checkpoint(end);
  CHECK_NOTHROW(trainer.train(tiny::batches(3), {.num_epochs = 2}));  // the second half
  CHECK(trainer.scheduled_updates() == 9);
}

TEST_CASE("a schedule that does not depend on the length of the run never finishes") {
  const hone::StepLr schedule{.step_size = 2, .gamma = 0.5};
  auto make = [&] { return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, schedule}; };
  auto first = make(), second = make();
  first.train(tiny::batches(3), {.num_epochs = 3});
  second.load_checkpoint(first.checkpoint());
  CHECK_NOTHROW(second.train(tiny::batches(3)));
  CHECK(second.scheduled_updates() == 12);
}

}  // namespace
