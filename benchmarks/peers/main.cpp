// SPDX-License-Identifier: Apache-2.0
/// The workloads by `hone::Trainer` with steps that were exported from Python. `run.py` runs this program.
///
///   FOLDER WORKLOAD EPOCHS STEPS THREADS   FOLDER holds WORKLOAD.pt, of `bench_floor --write`, and WORKLOAD.pt2, its
///                                          exported step. Prints `epoch SECONDS LOSS` and the time of day at its end,
///                                          for each epoch
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

#include "../floor/composed.hpp"
#include "hone/exported/exported_model.hpp"

namespace {

template <class... Parts>
std::unique_ptr<Contender> exported(const Data& data, const std::filesystem::path& package, Parts... parts) {
  auto trainer =
      hone::Trainer{hone::ExportedModel{package}, hone::ExportedLoss{}, std::move(parts)..., hone::RetainHeap{}};
  return std::make_unique<Composed<decltype(trainer)>>(data, std::move(trainer));
}

std::unique_ptr<Contender> make(std::string_view workload, const Data& data, const std::filesystem::path& package) {
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
  const auto contender = make(workload, data, folder / (workload + ".pt2"));
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    const auto begin = std::chrono::steady_clock::now();
    const double loss = contender->train(steps);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    fmt::print("epoch {:.7f} {:.9g} {:.4f}\n", seconds.count(), loss, now.count());
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 6) throw std::invalid_argument("Give FOLDER WORKLOAD EPOCHS STEPS THREADS.");
    at::set_num_threads(std::stoi(argv[5]));
    run(argv[1], argv[2], std::stoll(argv[3]), std::stoll(argv[4]));
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_peers: {}\n", error.what());
    return 2;
  }
}
