// SPDX-License-Identifier: Apache-2.0
/// Compares training with several losses and optimizers on two ranks with one rank and the same data.
#include <torch/torch.h>

#include <cstdint>
#include <ranges>
#include <vector>

#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/gan.hpp"
#include "support/models.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using gan::Gan;

hone::Gloo group(const hone::Placement& placement) { return hone::Gloo{.placement = placement, .timeout = 20s}; }

gan::Gan model(int rank) {
  Gan made;
  made->to(torch::kDouble);
  const torch::NoGradGuard no_gradients;
  for (auto& parameter : made->parameters()) parameter.mul_(1.0 + rank);  // Ddp broadcasts the values of rank 0
  return made;
}
auto dataset(std::int64_t samples) {
  const auto all = gan::dataset(samples).tensors();
  return hone::TensorDataset<gan::Batch>{all.first.to(torch::kDouble), all.second.to(torch::kDouble)};
}

/// Requests a stop on rank 1, at the generator's loss.
struct Stops {
  int rank;
  void on_train_loss(const auto& event) {
    if (rank == 1 && event.objective == "generator" && event.run.num_updates() == 2) {
      event.run.request_stop_before_update("enough");
    }
  }
};

}  // namespace

TEST_CASE("two ranks train a GAN to the weights and losses of one rank") {
  hone::require_ranks(2, 120s, [](const hone::Placement& placement) {
    for (const std::int64_t window : {1, 3}) {
      for (const std::int64_t samples : {48, 51}) {
        const auto data = dataset(samples);
        auto alone = hone::Trainer{model(0), gan::losses({.every = 2}), gan::optimizers(), hone::GradAccum{window},
                                   hone::ClipNorm{.max_norm = 0.05}};
        const auto expected = alone.train(data, {.num_epochs = 3, .per_device_batch_size = 8, .seed = 3});
        auto together =
            hone::Trainer{model(placement.rank),   gan::losses({.every = 2}),        gan::optimizers(),
                          hone::GradAccum{window}, hone::ClipNorm{.max_norm = 0.05}, hone::Ddp{group(placement)}};
        const auto history = together.train(data, {.num_epochs = 3, .per_device_batch_size = 4, .seed = 3});
        CHECK(tiny::distance(tiny::weights(together.model()), tiny::weights(alone.model())) <= 1e-12);
        for (const char* name : {"train_loss_epoch", "train_discriminator_loss_epoch", "train_generator_loss_epoch"}) {
          CHECK(history.at(name) == Approx(expected.at(name)).epsilon(1e-12));
        }
        CHECK(together.run().num_updates() == alone.run().num_updates());
      }
    }
  });
}

TEST_CASE("two ranks train with two optimizers to the weights of one rank") {
  hone::require_ranks(2, 120s, [](const hone::Placement& placement) {
    const auto loss = [](const auto& outputs, const torch::Tensor& target) { return torch::mse_loss(outputs, target); };
    const auto net = [] {
      torch::nn::Sequential made(torch::nn::Linear(3, 4), torch::nn::Tanh(), torch::nn::Linear(4, 2));
      const torch::NoGradGuard no_gradients;
      double k = 0.0;
      for (auto& parameter : made->parameters())
        parameter.copy_(torch::linspace(-0.5, 0.5, parameter.numel()).add(k += 0.1).reshape(parameter.sizes()));
      made->to(torch::kDouble);
      return made;
    };
    const auto rules = [] {
      return hone::Optimizers{hone::optimizer_for<"0">(hone::Sgd{.lr = 0.1}),
                              hone::optimizer_for<"others">(hone::AdamW{.lr = 0.01}, hone::other_parameters)};
    };
    const auto data = dataset(27);
    auto alone = hone::Trainer{net(), loss, rules(), hone::GradAccum<2>{}, hone::ClipNorm{.max_norm = 0.05}};
    alone.train(data, {.num_epochs = 3, .per_device_batch_size = 8, .seed = 3});
    auto together = hone::Trainer{
        net(), loss, rules(), hone::GradAccum<2>{}, hone::ClipNorm{.max_norm = 0.05}, hone::Ddp{group(placement)}};
    together.train(data, {.num_epochs = 3, .per_device_batch_size = 4, .seed = 3});
    CHECK(tiny::distance(tiny::weights(together.model()), tiny::weights(alone.model())) <= 1e-12);
  });
}

TEST_CASE("a stop request at the loss of one objective, on one rank, stops all ranks before the update of that loss") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    auto together =
        hone::Trainer{model(0), gan::losses(), gan::optimizers(), hone::Ddp{group(placement)}, Stops{placement.rank}};
    together.train(dataset(48), {.num_epochs = 3, .per_device_batch_size = 4, .seed = 3});
    CHECK(together.run().num_updates() == 3);  // the discriminator has updated
    CHECK(together.optimizer().get<"discriminator">().num_updates() == 3);
    CHECK(together.optimizer().get<"generator">().num_updates() == 2);
    CHECK(together.run().stop_reason() == "enough (rank 1)");
    double sum = 0.0;
    for (const auto& parameter : together.model()->parameters()) {
      sum += parameter.abs().sum().item<double>();
      CHECK_FALSE(parameter.grad().defined());
    }
    const auto all = together.all_gather(torch::tensor({sum}, torch::kDouble));
    CHECK(all[0].item<double>() == all[1].item<double>());
  });
}
