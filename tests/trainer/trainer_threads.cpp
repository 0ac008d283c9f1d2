// SPDX-License-Identifier: Apache-2.0
/// Tests of trainers in concurrent threads, each with its own model. The thread sanitizer checks for data races.
#include <torch/torch.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/metrics.hpp"
#include "hone/callbacks/progress_bar.hpp"
#include "hone/callbacks/save_best.hpp"
#include "hone/callbacks/save_training_state.hpp"
#include "hone/callbacks/stop_on_request.hpp"
#include "hone/callbacks/stop_on_signal.hpp"
#include "hone/data/prefetch.hpp"
#include "hone/finetune/model_ema.hpp"
#include "hone/metrics/accuracy.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/temporary_folder.hpp"

namespace {

/// Samples that are computed on demand, so that `Prefetch` makes batches in a background thread.
struct Samples {
  [[nodiscard]] std::size_t size() const { return 24; }
  [[nodiscard]] tiny::Batch get(std::size_t i) const {
    return {(torch::arange(3) * 0.37 + static_cast<double>(i)).cos(), torch::tensor(static_cast<std::int64_t>(i % 2))};
  }
};

struct Outcome {
  std::optional<hone::RunHistory> history{};
  std::vector<torch::Tensor> weights{};
};

Outcome train(const std::filesystem::path& folder, double lr) {
  std::FILE* const out = std::tmpfile();
  tiny::Net net;
  auto trainer = hone::Trainer{net,
                               torch::nn::CrossEntropyLoss(),
                               hone::AdamW{.lr = lr},
                               hone::CosineLr{},
                               hone::Prefetch{.depth = 3},
                               hone::StopOnSignal{},
                               hone::Metrics{hone::Accuracy{}}.in_training(),
                               hone::ProgressBar{.output = out},
                               hone::ModelEma{.decay = 0.5},
                               hone::SaveBest{.save_path = folder / "best.pt"},
                               hone::SaveTrainingState{.save_dir = folder, .save_every_n_updates = 4, .keep_last = 1}};
  auto history =
      trainer.train(Samples{}, Samples{}, {.num_epochs = 4, .per_device_batch_size = 4, .seed = 7, .num_threads = 1});
  trainer.evaluate(Samples{}, {.num_threads = 1});
  std::fclose(out);
  return {std::move(history), tiny::weights(net)};
}

TEST_CASE("trainers in two concurrent threads train to the same results as in sequence") {
  const TemporaryFolder folders[4];
  const Outcome alone[] = {train(folders[0].path, 0.1), train(folders[1].path, 0.01)};
  Outcome together[2];
  std::thread first([&] { together[0] = train(folders[2].path, 0.1); });
  std::thread second([&] { together[1] = train(folders[3].path, 0.01); });
  first.join();
  second.join();
  for (int i = 0; i < 2; ++i) {
    CHECK(*together[i].history == *alone[i].history);
    CHECK(tiny::equal(together[i].weights, alone[i].weights));
  }
  CHECK(!tiny::equal(together[0].weights, together[1].weights));
}

TEST_CASE("a signal stops the runs of all threads that handle it, and no other runs") {
  std::atomic<int> num_trained = 0;
  std::atomic<bool> is_raised = false;
  const auto run = [&](auto watch) {
    auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, std::move(watch),
                                 hone::on<hone::TrainEpochStart>([&](const auto& event) {
                                   if (event.run.num_epochs() != 1) return;
                                   if (++num_trained == 3) {
                                     std::raise(SIGTERM);
                                     is_raised = true;
                                   }
                                   while (!is_raised) std::this_thread::yield();
                                 })};
    return trainer.train(tiny::batches(3), {.num_epochs = 4, .num_threads = 1});
  };
  std::optional<hone::RunHistory> histories[3];
  std::thread threads[] = {
      std::thread([&] { histories[0] = run(hone::StopOnSignal{}); }),
      std::thread([&] { histories[1] = run(hone::StopOnSignal{.signals = {SIGTERM}}); }),
      std::thread([&] { histories[2] = run(hone::StopOnSignal{.signals = {SIGUSR1}}); }),
  };
  for (auto& thread : threads) thread.join();
  CHECK(histories[0]->stop_reason() == "Signal 15 (Terminated)");
  CHECK(histories[1]->stop_reason() == "Signal 15 (Terminated)");
  CHECK(!histories[2]->stop_reason());
  CHECK(histories[2]->num_updates() == 12);
}

TEST_CASE(
    "other threads stop the runs of the trainers that have the token of their source, in train and in custom loops") {
  std::stop_source stop;
  std::atomic<int> num_started = 0;
  std::int64_t num_later_updates = -1;
  const auto make = [&](const std::stop_token& token) {
    return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, hone::StopOnRequest{.token = token},
                         hone::on<hone::TrainEpochEnd>([&](const auto& event) {
                           if (event.run.num_epochs() == 0) ++num_started;
                         })};
  };
  const std::stop_source others;
  std::optional<hone::RunHistory> histories[3];
  std::thread threads[] = {
      std::thread([&] {
        auto trainer = make(stop.get_token());
        histories[0] = trainer.train(tiny::batches(3), {.num_epochs = 1'000'000'000, .num_threads = 1});
        num_later_updates = trainer.train(tiny::batches(3), {.num_epochs = 4}).num_updates();
      }),
      std::thread([&] {
        auto trainer = make(stop.get_token());
        auto run = trainer.begin_run({.num_batches_per_epoch = 3, .num_threads = 1});
        while (!run.is_over()) run.step(tiny::batches(1)[0]);
        histories[1] = run.end();
      }),
      std::thread([&] {
        auto trainer = make(others.get_token());
        histories[2] = trainer.train(tiny::batches(3), {.num_epochs = 4, .num_threads = 1});
      }),
  };
  while (num_started < 3) std::this_thread::yield();
  std::thread requests[8];
  for (auto& request : requests) request = std::thread([source = stop]() mutable { source.request_stop(); });
  for (auto& request : requests) request.join();
  for (auto& thread : threads) thread.join();
  CHECK(histories[0]->stop_reason() == "A stop was requested");
  CHECK(num_later_updates == 0);  // the request remains in effect
  CHECK(histories[1]->stop_reason() == "A stop was requested");
  CHECK(!histories[2]->stop_reason());
  CHECK(histories[2]->num_updates() == 12);
}

}  // namespace
