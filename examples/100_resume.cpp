// SPDX-License-Identifier: Apache-2.0
/// An interrupted run resumes in the middle of an epoch and ends with the same weights as an uninterrupted run. The
/// program is the same in both cases: it starts from scratch if its folder is empty.
/* prints:
 * left alone: 24 updates, loss 0.16...
 * cut off: 10 updates, epoch_1_update_9.pt is there
 * gone on: 24 updates, loss 0.16...
 * the same weights: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <filesystem>
#include <hone/hone.hpp>
#include <stdexcept>

namespace fs = std::filesystem;

/// Trains with training states in `folder`. An exception interrupts the run after `breaks_after` updates.
torch::nn::Sequential train(const fs::path& folder, std::int64_t breaks_after = -1) {
  torch::manual_seed(0);
  auto x = torch::linspace(-1, 1, 256).unsqueeze(1), y = torch::sin(3 * x);
  auto model = torch::nn::Sequential(torch::nn::Linear(1, 32), torch::nn::Tanh(), torch::nn::Linear(32, 1));
  auto trainer = hone::Trainer{model,
                               torch::nn::MSELoss{},
                               hone::AdamW{.lr = 1e-2},
                               hone::CosineLr{.warmup_updates = 4},
                               hone::SaveTrainingState{.save_dir = folder, .save_every_n_updates = 3, .keep_last = 2},
                               hone::on<hone::OptimizerStep>([breaks_after](const auto& event) {
                                 if (event.run.num_updates() == breaks_after)
                                   throw std::runtime_error("the power is gone");
                               })};
  try {
    auto history = trainer.resume(hone::latest_training_state(folder), hone::TensorDataset{x, y},
                                  hone::TrainOptions{.num_epochs = 3, .per_device_batch_size = 32, .seed = 1});
    fmt::print("{} updates, loss {:.4f}\n", history.num_updates(), history.at("train_loss_epoch"));
  } catch (const std::runtime_error&) {
    fmt::print("{} updates, {} is there\n", trainer.run().num_updates(),
               hone::latest_training_state(folder)->filename().string());
  }
  return model;
}

int main() {
  const auto folder = fs::temp_directory_path() / "hone_example_resume";
  fs::remove_all(folder);

  fmt::print("left alone: ");
  auto whole = train(folder / "whole");
  fmt::print("cut off: ");
  train(folder / "cut", 10);
  fmt::print("gone on: ");
  auto resumed = train(folder / "cut");

  bool same = true;
  for (std::size_t i = 0; i < whole->parameters().size(); ++i) {
    same = same && torch::equal(whole->parameters()[i], resumed->parameters()[i]);
  }
  fmt::print("the same weights: {}\n", same);
  fs::remove_all(folder);
}
