// SPDX-License-Identifier: Apache-2.0
/// Measures saving and loading a model of a given size, and `cp` of the same number of bytes on the same disk.
///
///     bench_checkpoint FOLDER MEBIBYTES ROUNDS
///
/// Prints one line for each operation and round: its name and its time in seconds. Files that an operation reads are in
/// the page cache.
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/safetensors.hpp"
#include "hone/checkpoint/state_dict.hpp"
#include "hone/hone.hpp"

namespace {

namespace fs = std::filesystem;

double seconds(const std::function<void()>& operation) {
  const auto begin = std::chrono::steady_clock::now();
  operation();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void shell(const std::string& command) {
  if (std::system(command.c_str()) != 0) {
    fmt::print(stderr, "The command '{}' failed.\n", command);
    std::exit(1);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    fmt::print(stderr, "Pass FOLDER MEBIBYTES ROUNDS.\n");
    return 2;
  }
  const fs::path folder = arguments[1];
  const auto layers = std::stoi(arguments[2]) / 16;
  const int rounds = std::stoi(arguments[3]);

  torch::NoGradGuard no_grad;
  torch::nn::Sequential model;
  for (int i = 0; i < layers; ++i) {  // 16 MiB each
    model->push_back(torch::nn::Linear(torch::nn::LinearOptions(2048, 2048).bias(false)));
  }
  const auto original = folder / "original.pt", copy = folder / "copy.pt", saved = folder / "saved.pt";
  const auto weights = folder / "original.safetensors";
  hone::write_checkpoint(original, hone::state_dict(model));
  hone::write_safetensors(weights, hone::state_dict(model));

  // SGD without momentum has no state, so the training state has about the size of the weights.
  hone::Trainer trainer{model, torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}};

  const auto cp = fmt::format("cp '{}' '{}'", original.string(), copy.string());
  std::vector<std::pair<std::string, std::function<void()>>> operations{
      {"cp", [&] { shell(cp); }},
      {"cp_sync", [&] { shell(fmt::format("{} && sync '{}'", cp, copy.string())); }},
      {"save", [&] { hone::write_checkpoint(saved, hone::state_dict(model)); }},
      {"save_safetensors", [&] { hone::write_safetensors(saved, hone::state_dict(model)); }},
      {"save_training_state", [&] { trainer.save_training_state(saved); }},
      {"load", [&] { (void)hone::read_checkpoint(original); }},
      {"load_into", [&] { hone::load_state_dict(model, hone::read_checkpoint(original)); }},
      {"load_safetensors", [&] { hone::load_state_dict(model, hone::read_safetensors(weights).tensors); }},
  };
  std::mt19937 random(1);
  for (int round = -1; round < rounds; ++round) {  // the first round is a warm-up
    // In random order, each after a pause: deleting a file slows the disk down for a while.
    std::shuffle(operations.begin(), operations.end(), random);
    for (const auto& [name, operation] : operations) {
      fs::remove(copy);
      fs::remove(saved);
      shell(fmt::format("sync -f '{}'", folder.string()));
      std::this_thread::sleep_for(std::chrono::seconds(2));
      const double time = seconds(operation);
      if (round >= 0) fmt::print("{} {:.6f}\n", name, time);
    }
  }
  return 0;
}
