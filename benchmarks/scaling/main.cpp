// SPDX-License-Identifier: Apache-2.0
/// What a step of the trainer costs as one thing grows. `run.py` runs this program, once for each point, and draws the
/// curves.
///
///   AXIS VALUE [SECONDS]   prints `{"us": ..., "bare_us": ..., "begin_us": ..., "peak_mib": ...}`: the CPU time of a
///                          step, of its forward and backward pass alone, of a run without its steps, and the peak of
///                          the memory that the process holds
///
/// | axis | value |
/// |---|---|
/// | batch | samples in a batch |
/// | parameters | units of each of two hidden layers |
/// | callbacks | callbacks that hear nothing of training: 0, 1, 8 or 32 |
/// | tensors | parameters, each a tensor of 16 numbers |
/// | samples | samples in the dataset |
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

/// Hears an evaluation begin, and so nothing of a run that only trains.
template <std::size_t>
struct Unheard {
  void on_evaluation_run_start(const hone::EvaluationRunStart&) { throw std::logic_error("There is no evaluation."); }
};

torch::nn::Sequential network(std::int64_t units) {
  torch::manual_seed(0);
  return torch::nn::Sequential(torch::nn::Linear(8, units), torch::nn::Tanh(), torch::nn::Linear(units, units),
                               torch::nn::Tanh(), torch::nn::Linear(units, 1));
}

/// So many parameters, which a step concatenates.
struct Pieces : torch::nn::Module {
  std::vector<Tensor> pieces;

  explicit Pieces(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      pieces.push_back(register_parameter(std::to_string(i), torch::full({16}, 0.01)));
    }
  }
  Tensor forward(const Tensor& inputs) const { return inputs.sum(1, /*keepdim=*/true) * torch::cat(pieces).sum(); }
};

Dataset dataset(std::int64_t samples) {
  torch::manual_seed(1);
  const auto inputs = torch::rand({samples, 8});
  return {inputs, inputs.sum(1, /*keepdim=*/true)};
}

struct Cost {
  double us, bare_us, begin_us;
};

double seconds_of(auto&& work) {
  const auto begin = std::clock();
  work();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

/// Trains for 1 step, then for so many that they take about `seconds`; what a run costs once goes out with the
/// difference.
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
        torch::mse_loss(hone::pointee(trainer.model()).forward(batch.first), batch.second).backward();
        trainer.zero_grad();
      }
    });
  };
  train(10);  // warms up
  pass(10);
  const auto steps = static_cast<std::int64_t>(std::clamp(10.0 * seconds / std::max(pass(10), 1e-5), 20.0, 1e6));
  const double once = train(1);
  const double step = (train(1 + steps) - once) / static_cast<double>(steps);
  return {1e6 * step, 1e6 * pass(steps) / static_cast<double>(steps), 1e6 * (once - step)};
}

template <std::size_t... i>
Cost with_callbacks(std::index_sequence<i...>, double seconds) {
  return measure(hone::Trainer{network(64), torch::nn::MSELoss{}, hone::Adam{}, Unheard<i>{}...}, dataset(10'000), 32,
                 seconds);
}

Cost cost(std::string_view axis, std::int64_t value, double seconds) {
  const auto plain = [&](std::int64_t units, std::int64_t samples, std::int64_t batch) {
    return measure(hone::Trainer{network(units), torch::nn::MSELoss{}, hone::Adam{}}, dataset(samples), batch, seconds);
  };
  if (axis == "batch") return plain(64, std::max<std::int64_t>(10'000, 8 * value), value);
  if (axis == "parameters") return plain(value, 10'000, 32);
  if (axis == "samples") return plain(64, value, 32);
  if (axis == "tensors") {
    return measure(hone::Trainer{std::make_shared<Pieces>(value), torch::nn::MSELoss{}, hone::Adam{}}, dataset(10'000),
                   32, seconds);
  }
  if (axis == "callbacks") {
    if (value == 0) return with_callbacks(std::make_index_sequence<0>(), seconds);
    if (value == 1) return with_callbacks(std::make_index_sequence<1>(), seconds);
    if (value == 8) return with_callbacks(std::make_index_sequence<8>(), seconds);
    if (value == 32) return with_callbacks(std::make_index_sequence<32>(), seconds);
    throw std::invalid_argument(fmt::format("{} callbacks are not compiled in. Give 0, 1, 8 or 32.", value));
  }
  throw std::invalid_argument(
      fmt::format("There is no axis {}. Give batch, parameters, callbacks, tensors or samples.", axis));
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 3) throw std::invalid_argument("Give an axis and a value: bench_scaling batch 32.");
    at::set_num_threads(1);
    const auto [us, bare_us, begin_us] = cost(argv[1], std::stoll(argv[2]), argc > 3 ? std::stod(argv[3]) : 0.5);
    fmt::print("{{\"us\": {:.4f}, \"bare_us\": {:.4f}, \"begin_us\": {:.1f}, \"peak_mib\": {:.2f}}}\n", us, bare_us,
               begin_us, peak_mib());
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_scaling: {}\n", error.what());
    return 2;
  }
}
