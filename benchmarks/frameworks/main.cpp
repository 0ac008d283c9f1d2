// SPDX-License-Identifier: Apache-2.0
/// The variant `hone_exported`: `hone::Trainer` with a training step that was exported from Python. `run.py` runs this
/// program.
///
///     bench_frameworks FOLDER WORKLOAD EPOCHS STEPS THREADS
///
/// FOLDER contains WORKLOAD.pt, written by `bench_baseline --write`, and WORKLOAD.pt2, the exported step. Prints
/// `epoch SECONDS LOSS TIME` for each epoch: duration, mean loss, time of day at its end.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "../baseline/trainer_variant.hpp"
#include "hone/exported/exported_model.hpp"

namespace {

template <class... Components>
std::unique_ptr<Variant> exported(const Data& data, const std::filesystem::path& package, Components... components) {
  auto trainer =
      hone::Trainer{hone::ExportedModel{package}, hone::ExportedLoss{}, std::move(components)..., hone::RetainHeap{}};
  return std::make_unique<TrainerVariant<decltype(trainer)>>(data, std::move(trainer));
}

std::unique_ptr<Variant> make(std::string_view workload, const Data& data, const std::filesystem::path& package) {
  using settings::lr;
  if (workload == "mnist_mlp") return exported(data, package, hone::Sgd{.lr = lr, .momentum = settings::momentum});
  if (workload == "char_gpt") {
    return exported(data, package, hone::AdamW{.lr = lr, .weight_decay = CharGptWorkload::weight_decay},
                    hone::ClipNorm{.max_norm = CharGptWorkload::max_norm}, hone::CosineLr{.min_lr = 0.0});
  }
  return exported(data, package, hone::Adam{.lr = lr});
}

void run(const std::filesystem::path& folder, const std::string& workload, std::int64_t epochs, std::int64_t steps) {
  const auto data = load_data(workload, steps, {.mnist = {}, .text = {}, .written = folder, .batch_size = 0});
  const auto variant = make(workload, data, folder / (workload + ".pt2"));
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    const auto begin = std::chrono::steady_clock::now();
    const double loss = variant->train(steps);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    fmt::print("epoch {:.7f} {:.9g} {:.4f}\n", seconds.count(), loss, now.count());
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 6) throw std::invalid_argument("Pass FOLDER WORKLOAD EPOCHS STEPS THREADS.");
    at::set_num_threads(std::stoi(argv[5]));
    run(argv[1], argv[2], std::stoll(argv[3]), std::stoll(argv[4]));
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_frameworks: {}\n", error.what());
    return 2;
  }
}
