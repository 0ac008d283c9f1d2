// SPDX-License-Identifier: Apache-2.0
/// A program with a custom loop, such as a simulation, calls `step` when it has a batch. `step` is a complete training
/// step with every policy and does not need `train`.
/* prints:
 * 200 steps of the simulation, 100 updates
 * the surrogate is off by less than 0.1: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

/// The function that the network approximates.
torch::Tensor simulate(const torch::Tensor& state) { return torch::sin(state.sum(1, true)); }

int main() {
  torch::manual_seed(0);
  auto surrogate = torch::nn::Sequential(torch::nn::Linear(2, 64), torch::nn::Tanh(), torch::nn::Linear(64, 1));
  auto trainer = hone::Trainer{surrogate, torch::nn::MSELoss{}, hone::Adam{.lr = 1e-2}, hone::GradAccum<2>{}};

  for (int step = 0; step < 200; ++step) {
    auto state = torch::rand({64, 2});
    trainer.step(std::pair{state, simulate(state)});
  }
  fmt::print("200 steps of the simulation, {} updates\n", trainer.run().num_updates());

  auto state = torch::rand({64, 2});
  auto [loss, outputs, size] = trainer.evaluate_batch(std::pair{state, simulate(state)});
  fmt::print("the surrogate is off by less than 0.1: {}\n", loss.sqrt().item<double>() < 0.1);
}
