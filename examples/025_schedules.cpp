// SPDX-License-Identifier: Apache-2.0
/// Learning rate schedules with warm-up: a cosine, and a custom schedule. A schedule is a function of the base rate and
/// the update, so it works in a hand-written loop and in a trainer.
/* prints:
 * update  cosine  inverse time
 *      0  0.0000  0.0333
 *      5  0.0500  0.0667
 *     10  0.1000  0.1000
 *     55  0.0500  0.0182
 *     99  0.0000  0.0101
 * cosine: the same weights with and without a trainer: true
 * inverse time: the same weights with and without a trainer: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

/// base_lr / (1 + decay_rate * update), as `InverseTimeDecay` of Keras. The member `slot` makes it a policy.
struct InverseTimeDecay {
  using slot = hone::slots::Schedule;
  double decay_rate = 0.1;

  double operator()(double base_lr, std::int64_t update) const {
    return base_lr / (1.0 + decay_rate * static_cast<double>(update));
  }
};

using Batches = std::vector<std::pair<torch::Tensor, torch::Tensor>>;
constexpr double base_lr = 0.1;
constexpr int num_epochs = 10;

torch::nn::Linear make_model() {
  torch::manual_seed(0);
  return torch::nn::Linear(8, 1);
}

/// With a trainer, a schedule is one more argument.
torch::nn::Linear with_trainer(const auto& schedule, const Batches& batches) {
  auto model = make_model();
  auto trainer = hone::Trainer{model, torch::nn::MSELoss{}, hone::Sgd{.lr = base_lr}, schedule};
  trainer.train(batches, hone::TrainOptions{.num_epochs = num_epochs});
  return model;
}

/// Without a trainer, the loop sets the learning rate before each update.
torch::nn::Linear by_hand(const auto& schedule, const Batches& batches) {
  auto model = make_model();
  torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(base_lr));
  std::int64_t update = 0;
  for (int epoch = 0; epoch < num_epochs; ++epoch) {
    for (const auto& [x, y] : batches) {
      for (auto& group : optimizer.param_groups()) group.options().set_lr(schedule(base_lr, update));
      optimizer.zero_grad();
      torch::mse_loss(model(x), y).backward();
      optimizer.step();
      ++update;
    }
  }
  return model;
}

int main() {
  // A tenth of the run, whatever its length is, warms up.
  const auto cosine =
      hone::CosineLr{.warmup_updates = hone::run::num_updates / 10, .min_lr = 0.0, .warmup_start_lr = 0.0};
  const auto inverse_time = hone::Warmup{.updates = hone::run::num_updates / 10, .after = InverseTimeDecay{}};

  // A trainer resolves these lengths when a run starts. Without a trainer, the program does.
  const hone::RunLength length{.num_updates = 100};
  const auto resolved_cosine = cosine.resolved(length);
  const auto resolved_inverse_time = inverse_time.resolved(length);
  fmt::print("update  cosine  inverse time\n");
  for (int update : {0, 5, 10, 55, 99}) {
    fmt::print("{:6}  {:.4f}  {:.4f}\n", update, resolved_cosine(base_lr, update),
               resolved_inverse_time(base_lr, update));
  }

  torch::manual_seed(1);
  Batches batches;
  for (int i = 0; i < 10; ++i) {
    auto x = torch::randn({32, 8});
    batches.emplace_back(x, x.sum(1, true));
  }
  const auto same = [](const torch::nn::Linear& a, const torch::nn::Linear& b) {
    return torch::allclose(a->weight, b->weight) && torch::allclose(a->bias, b->bias);
  };
  fmt::print("cosine: the same weights with and without a trainer: {}\n",
             same(with_trainer(cosine, batches), by_hand(resolved_cosine, batches)));
  fmt::print("inverse time: the same weights with and without a trainer: {}\n",
             same(with_trainer(inverse_time, batches), by_hand(resolved_inverse_time, batches)));
}
