// SPDX-License-Identifier: Apache-2.0
/// Measures how the cost of a training step grows along one axis. `run.py` runs this program once for each point, and
/// plots the results.
///
///     bench_scaling AXIS VALUE [SECONDS]
///
/// Prints `{"us": ..., "model_us": ..., "startup_us": ..., "peak_mib": ...}`: the CPU time of a step, of its forward
/// and backward pass only, and of a run without its steps, and the peak memory of the process.
///
/// | axis | value |
/// |---|---|
/// | batch | batch size |
/// | parameters | units of each of two hidden layers |
/// | callbacks | callbacks that handle no training event: 0, 1, 8 or 32 |
/// | tensors | parameter tensors, of 16 elements each |
/// | samples | dataset size |
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/loss.h>
#include <torch/utils.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "hone/hone.hpp"

namespace {

using torch::Tensor;
using Dataset = hone::TensorDataset<std::pair<Tensor, Tensor>>;

/// A callback that handles only an event of evaluations, and so no event of training.
template <std::size_t>
struct EvaluationCallback {
  void on_evaluation_run_start(const hone::EvaluationRunStart&) { throw std::logic_error("There is no evaluation."); }
};

torch::nn::Sequential network(std::int64_t units) {
  torch::manual_seed(0);
  return torch::nn::Sequential(torch::nn::Linear(8, units), torch::nn::Tanh(), torch::nn::Linear(units, units),
                               torch::nn::Tanh(), torch::nn::Linear(units, 1));
}

/// A model with `count` parameter tensors, which `forward` concatenates.
struct ManyTensors : torch::nn::Module {
  std::vector<Tensor> tensors;

  explicit ManyTensors(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      tensors.push_back(register_parameter(std::to_string(i), torch::full({16}, 0.01)));
    }
  }
  Tensor forward(const Tensor& inputs) const { return inputs.sum(1, /*keepdim=*/true) * torch::cat(tensors).sum(); }
};

Dataset dataset(std::int64_t samples) {
  torch::manual_seed(1);
  const auto inputs = torch::rand({samples, 8});
  return {inputs, inputs.sum(1, /*keepdim=*/true)};
}

struct Cost {
  double us, model_us, startup_us;
};

double seconds_of(auto&& function) {
  const auto begin = std::clock();
  function();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

/// Trains for one step, then for about `seconds`. The difference does not contain the fixed cost of a run.
template <class Trainer>
Cost measure(Trainer trainer, const Dataset& data, std::int64_t batch_size, double seconds) {
  const auto train = [&](std::int64_t steps) {
    return seconds_of([&] {
      trainer.train(data,
                    {.num_epochs = 1'000'000, .per_device_batch_size = batch_size, .max_updates = steps, .seed = 1});
    });
  };
  const auto pass = [&, batch = data.subset(0, batch_size).tensors()](std::int64_t steps) {
    return seconds_of([&] {
      for (std::int64_t i = 0; i < steps; ++i) {
        torch::mse_loss(hone::unwrap(trainer.model()).forward(batch.first), batch.second).backward();
        trainer.zero_grad();
      }
    });
  };
  train(10);  // warm-up
  pass(10);
  const auto steps = static_cast<std::int64_t>(std::clamp(10.0 * seconds / std::max(pass(10), 1e-5), 20.0, 1e6));
  const double once = train(1);
  const double step = (train(1 + steps) - once) / static_cast<double>(steps);
  return {1e6 * step, 1e6 * pass(steps) / static_cast<double>(steps), 1e6 * (once - step)};
}

template <std::size_t... i>
Cost with_callbacks(std::index_sequence<i...>, double seconds) {
  return measure(hone::Trainer{network(64), torch::nn::MSELoss{}, hone::Adam{}, EvaluationCallback<i>{}...},
                 dataset(10'000), 32, seconds);
}

Cost cost(std::string_view axis, std::int64_t value, double seconds) {
  const auto plain = [&](std::int64_t units, std::int64_t samples, std::int64_t batch) {
    return measure(hone::Trainer{network(units), torch::nn::MSELoss{}, hone::Adam{}}, dataset(samples), batch, seconds);
  };
  if (axis == "batch") return plain(64, std::max<std::int64_t>(10'000, 8 * value), value);
  if (axis == "parameters") return plain(value, 10'000, 32);
  if (axis == "samples") return plain(64, value, 32);
  if (axis == "tensors") {
    return measure(hone::Trainer{std::make_shared<ManyTensors>(value), torch::nn::MSELoss{}, hone::Adam{}},
                   dataset(10'000), 32, seconds);
  }
  if (axis == "callbacks") {
    if (value == 0) return with_callbacks(std::make_index_sequence<0>(), seconds);
    if (value == 1) return with_callbacks(std::make_index_sequence<1>(), seconds);
    if (value == 8) return with_callbacks(std::make_index_sequence<8>(), seconds);
    if (value == 32) return with_callbacks(std::make_index_sequence<32>(), seconds);
    throw std::invalid_argument(
        fmt::format("The program is not compiled for {} callbacks. Pass 0, 1, 8 or 32.", value));
  }
  throw std::invalid_argument(
      fmt::format("There is no axis {}. Pass batch, parameters, callbacks, tensors or samples.", axis));
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 3) throw std::invalid_argument("Pass an axis and a value, such as batch 32.");
    at::set_num_threads(1);
    const auto [us, model_us, startup_us] = cost(argv[1], std::stoll(argv[2]), argc > 3 ? std::stod(argv[3]) : 0.5);
    fmt::print("{{\"us\": {:.4f}, \"model_us\": {:.4f}, \"startup_us\": {:.1f}, \"peak_mib\": {:.2f}}}\n", us, model_us,
               startup_us, peak_mib());
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_scaling: {}\n", error.what());
    return 2;
  }
}
