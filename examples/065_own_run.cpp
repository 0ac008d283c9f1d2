// SPDX-License-Identifier: Apache-2.0
/// A run around a custom loop: schedules, evaluations and signals work as in `train`.
/* prints:
 * epochs 8, updates 200
 * the loss of the evaluations fell: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

/// The function that the network approximates.
torch::Tensor simulate(const torch::Tensor& state) { return torch::sin(state.sum(1, true)); }

std::pair<torch::Tensor, torch::Tensor> next_batch() {
  auto state = torch::rand({64, 2});
  return {state, simulate(state)};
}

int main() {
  torch::manual_seed(0);
  auto surrogate = torch::nn::Sequential(torch::nn::Linear(2, 64), torch::nn::Tanh(), torch::nn::Linear(64, 1));
  auto trainer = hone::Trainer{surrogate,        torch::nn::MSELoss{}, hone::Adam{.lr = 1e-2},
                               hone::CosineLr{}, hone::StopOnSignal{}, hone::TerminateOnNaN{}};

  const std::vector eval_set{next_batch(), next_batch()};
  auto run = trainer.begin_run(eval_set, {.num_batches_per_epoch = 25, .max_updates = 200});
  while (!run.is_over()) run.step(next_batch());
  const auto history = run.end();

  fmt::print("epochs {}, updates {}\n", history.values("train_loss_epoch").size(), history.num_updates());
  const auto losses = history.values("eval_loss_epoch");
  fmt::print("the loss of the evaluations fell: {}\n", losses.back().value < losses.front().value);
}
