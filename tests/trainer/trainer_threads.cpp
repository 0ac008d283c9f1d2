// SPDX-License-Identifier: Apache-2.0
/// Trainers in several threads at once, each with its own model: each trains as it does alone. The thread sanitizer
/// checks that nothing is shared.
#include <torch/torch.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/metrics.hpp"
#include "hone/callbacks/progress_bar.hpp"
#include "hone/callbacks/save_best.hpp"
#include "hone/callbacks/save_training_state.hpp"
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

/// Samples that are made on demand, so that `Prefetch` makes batches in a thread.
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

TEST_CASE("trainers in two threads train as they do alone") {
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

TEST_CASE("a signal ends the runs of all threads that watch it, and no others") {
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

}  // namespace
