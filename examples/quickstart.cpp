// SPDX-License-Identifier: Apache-2.0
/// Trains a network on handwritten digits: MNIST from its four files, or synthetic digits.
#include <fmt/format.h>
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <hone/checkpoint/pytorch.hpp>
#include <hone/checkpoint/state_dict.hpp>
#include <hone/hone.hpp>

#ifdef QUICKSTART_WITH_RANKS
#include <hone/distributed.hpp>
#endif
#if defined(QUICKSTART_WITH_RANKS) && defined(HONE_WITH_CUDA)
#include <hone/distributed/nccl.hpp>
#endif

#include "support/run_main.hpp"

// The types that depend on the machine.
#ifdef HONE_WITH_CUDA
using Device = hone::Cuda<>;
#else
using Device = hone::Cpu;
#endif
#ifndef QUICKSTART_WITH_RANKS
using Processes = hone::SingleProcess;
#elif defined(HONE_WITH_CUDA)
using Processes = hone::Ddp<hone::Nccl>;
#else
using Processes = hone::Ddp<hone::Gloo>;
#endif

struct MlpImpl : torch::nn::Module {
  torch::nn::Linear hidden{784, 128}, features{128, 64}, classes{64, 10};

  MlpImpl() {
    register_module("hidden", hidden);
    register_module("features", features);
    register_module("classes", classes);
  }
  torch::Tensor forward(const torch::Tensor& images) {
    return classes(torch::relu(features(torch::relu(hidden(images.flatten(1))))));
  }
};
TORCH_MODULE(Mlp);

struct Options {
  std::string data, save;
  std::int64_t epochs = 8, batch_size = 32;
  double lr = 1e-3;
  std::uint64_t seed = 0;
  int threads = 1;  // two threads are slower for a network of this size
};

/// `train` uses the first 50,000 training samples for training and the next 5,000 for the evaluation after each epoch.
hone::Mnist load(const Options& options) {
  if (!options.data.empty()) return hone::mnist(options.data);
  return {.train = hone::digits(55'000, options.seed), .test = hone::digits(10'000, options.seed + 1)};
}

int train(const Options& options) {
  torch::manual_seed(options.seed);
  const auto [digits, test_set] = load(options);
  auto train_set = digits.subset(0, std::min<std::int64_t>(50'000, digits.size()));
  auto eval_set = digits.subset(train_set.size(), std::min<std::int64_t>(5'000, digits.size() - train_set.size()));
  auto model = Mlp{};
  auto processes = Processes{};
  const auto num_processes = processes.world_size();
  if (options.batch_size % num_processes != 0) {
    throw std::invalid_argument(
        fmt::format("--batch-size is {}, which {} processes cannot share evenly. Give a multiple of {}.",
                    options.batch_size, num_processes, num_processes));
  }
  const auto batch_size = options.batch_size / num_processes;

  auto trainer = hone::Trainer{model,
                               torch::nn::CrossEntropyLoss{},
                               hone::Sgd{.lr = options.lr, .momentum = 0.9},
                               Device{},
                               std::move(processes),
                               hone::TerminateOnNaN{},
                               hone::Metrics{hone::Accuracy{}},
                               hone::ProgressBar{},
                               hone::LogMetrics{}};
  const auto device = trainer.device();
  auto history = trainer.train(train_set.to(device), eval_set.to(device),
                               hone::TrainOptions{.num_epochs = options.epochs,
                                                  .per_device_batch_size = batch_size,
                                                  .seed = options.seed,
                                                  .num_threads = options.threads});
  if (history.stop_reason()) throw std::runtime_error(*history.stop_reason());
  if (!options.save.empty()) {
    trainer.on_rank_zero(
        [&] { hone::write_checkpoint(options.save, hone::Dict{{"model_state_dict", hone::state_dict(model)}}); });
  }

  auto test =
      trainer.evaluate(test_set.to(device), {.per_device_batch_size = batch_size, .num_threads = options.threads});
  trainer.print(fmt::format("test accuracy: {:.4f}", test.at("evaluation_accuracy")));
  return 0;
}

int main(int argc, char** argv) {
  CLI::App app{"Trains a network on handwritten digits."};
  Options options;
  app.add_option("--data", options.data, "the folder with the four MNIST files, plain or .gz; else digits are drawn");
  app.add_option("--epochs", options.epochs, "passes through the training set")->capture_default_str();
  app.add_option("--batch-size", options.batch_size, "samples in a step, those of all processes together")
      ->capture_default_str();
  app.add_option("--lr", options.lr, "learning rate")->capture_default_str();
  app.add_option("--seed", options.seed, "of weights, order and drawn digits")->capture_default_str();
  app.add_option("--threads", options.threads, "threads of LibTorch's operators")->capture_default_str();
  app.add_option("--save", options.save, "file for the trained weights, as torch.load reads it");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return run_main([&] { return train(options); });
}
