// SPDX-License-Identifier: Apache-2.0
/// Tests of saving with several ranks: rank 0 writes, and every rank gets its error.
#include <sys/stat.h>
#include <torch/torch.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "hone/callbacks/named.hpp"
#include "hone/callbacks/save_best.hpp"
#include "hone/callbacks/save_training_state.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// Calls a function of the test at the end of an epoch.
struct AtEpochEnd {
  std::function<void(hone::Run&)> act = [](hone::Run&) {};
  void on_training_run_epoch_end(const hone::TrainingRunEpochEnd& event) const { act(event.run); }
};

hone::TensorDataset<std::pair<at::Tensor, at::Tensor>> dataset() {
  const auto inputs = torch::arange(24.0, at::kDouble).cos().reshape({8, 3});
  return {inputs, inputs.sum(1, true)};
}

auto trainer_of(const hone::Placement& placement, const AtEpochEnd& act, const hone::SaveBest& best,
                const hone::SaveTrainingState& states) {
  torch::manual_seed(1);
  torch::nn::Linear model(3, 1);
  model->to(at::kDouble);
  return hone::Trainer{model,
                       torch::nn::MSELoss(),
                       hone::Sgd{.lr = 0.1},
                       hone::Ddp{hone::Gloo{.placement = placement, .timeout = 20s}},
                       act,
                       best,
                       states};
}

TEST_CASE("SaveBest uses the value that rank 0 recorded, on every rank") {
  const TemporaryFolder folder;
  hone::require_ranks(2, 60s, [&](const hone::Placement& placement) {
    // Recorded on rank 0 only.
    const AtEpochEnd record{[&](hone::Run& run) {
      const double value = run.epoch() == 2 ? 0.0 : 1.0;
      if (placement.rank == 0) run.history().record("mine", value, hone::Phase::eval);
    }};
    auto trainer = trainer_of(placement, record, {.save_path = folder / "best.pt", .watch_metric = "mine"},
                              {.save_dir = folder / "states", .save_every_n_epochs = 1, .keep_last = 2});
    trainer.train(dataset(), {.num_epochs = 2, .per_device_batch_size = 2, .seed = 3});
    const auto expected = trainer.model()->weight.detach().clone();
    const auto history = trainer.resume(folder / "states" / "epoch_2_update_4.pt", dataset(),
                                        {.num_epochs = 3, .per_device_batch_size = 2, .seed = 3});
    CHECK(torch::equal(trainer.model()->weight, expected));
    CHECK(trainer.callbacks().get<hone::SaveBest>().state.best_epoch == 2);
    CHECK(!fs::exists(folder / "states" / "epoch_1_update_2.pt"));
    CHECK(fs::exists(folder / "states" / "epoch_3_update_6.pt"));
  });
}

TEST_CASE("a file that cannot be written throws DataError on every rank, and the group remains usable") {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "no folder";
  hone::require_ranks(2, 60s, [&](const hone::Placement& placement) {
    const auto file = folder / "file" / "model.pt";
    auto trainer = trainer_of(placement, {}, {.save_path = folder / "best.pt", .watch_metric = "train_loss_epoch"},
                              {.save_dir = folder / "states"});
    for (int attempt = 0; attempt < 2; ++attempt) {
      try {
        attempt == 0 ? trainer.save_checkpoint(file) : trainer.save_training_state(file);
        FAIL_CHECK("no error");
      } catch (const hone::DataError& error) {
        const std::string text = error.what();
        CHECK(text.starts_with("Rank 0: ") == (placement.rank == 1));
        CHECK(text.find((file.string() + " cannot be written: Not a directory")) != std::string::npos);
      }
    }
    trainer.save_checkpoint(folder / "model.pt");
    CHECK(fs::exists(folder / "model.pt"));
    // A save_dir that is a file throws on every rank before the run begins.
    trainer.callbacks().get<hone::SaveTrainingState>().save_dir = folder / "file";
    CHECK_THROWS_WITH(trainer.train(dataset(), {.per_device_batch_size = 2}),
                      std::string(placement.rank == 1 ? "Rank 0: " : "") + "Cannot create the folder " +
                          (folder / "file").string() + ": a file has that name. Choose another folder.");
  });
}

TEST_CASE("a full disk on rank 0 throws on every rank, and with SaveError::warn every rank continues") {
  const TemporaryFolder folder;
  hone::require_ranks(2, 60s, [&](const hone::Placement& placement) {
    hone::SaveBest best{.save_path = "/dev/full", .watch_metric = "train_loss_epoch"};
    auto trainer = trainer_of(placement, {}, best, {.save_dir = folder / "states"});
    try {
      trainer.train(dataset(), {.num_epochs = 2, .per_device_batch_size = 2});
      FAIL_CHECK("no error");
    } catch (const hone::DataError& error) {
      CHECK(std::string(error.what()) ==
            std::string(placement.rank == 1 ? "Rank 0: " : "") +
                "/dev/full cannot be written: No space left on device. Free disk space or raise the limit.");
    }
    best.on_error = hone::SaveError::warn;
    best.output = stderr;
    auto warned = trainer_of(placement, {}, best, {.save_dir = folder / "other states"});
    warned.train(dataset(), {.num_epochs = 2, .per_device_batch_size = 2});
    CHECK(warned.run().num_epochs() == 2);
  });
}

}  // namespace
