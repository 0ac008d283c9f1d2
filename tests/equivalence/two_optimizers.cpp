// SPDX-License-Identifier: Apache-2.0
/// Compares two optimizers for one loss with a hand-written loop.
#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

auto optimizers() {
  return hone::Optimizers{hone::optimizer_for<"first">(hone::Sgd{.lr = 0.1, .momentum = 0.9}),
                          hone::optimizer_for<"second">(hone::AdamW{.lr = 0.01})};
}

/// Returns the weights after a hand-written loop with two optimizers of LibTorch.
std::vector<torch::Tensor> by_hand(std::int64_t accumulate, double max_norm, bool bf16, double gamma_of_second) {
  tiny::Net model;
  torch::optim::SGD sgd(model->first->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  torch::optim::AdamW adamw(model->second->parameters(), torch::optim::AdamWOptions(0.01));
  torch::nn::CrossEntropyLoss loss;
  const auto batches = tiny::batches(4, 3);
  for (int epoch = 0; epoch < 3; ++epoch) {
    for (std::size_t i = 0; i < batches.size(); ++i) {
      torch::Tensor value;
      if (bf16) {
        const hone::Autocast region(at::kCPU, at::kBFloat16);
        value = loss(model(batches[i].first), batches[i].second);
      } else {
        value = loss(model(batches[i].first), batches[i].second);
      }
      (value / static_cast<double>(accumulate)).backward();
      if ((i + 1) % static_cast<std::size_t>(accumulate) != 0) continue;
      torch::nn::utils::clip_grad_norm_(model->parameters(), max_norm);
      sgd.step();
      adamw.step();
      sgd.zero_grad();
      adamw.zero_grad();
      auto& options = static_cast<torch::optim::AdamWOptions&>(adamw.param_groups()[0].options());
      options.lr(options.lr() * gamma_of_second);
    }
  }
  return tiny::weights(model);
}

template <class... Policies>
std::vector<torch::Tensor> trained(Policies... policies) {
  hone::Trainer trainer{tiny::Net(), torch::nn::CrossEntropyLoss{}, optimizers(), std::move(policies)...};
  trainer.train(tiny::batches(4, 3), {.num_epochs = 3});
  return tiny::weights(trainer.model());
}

}  // namespace

TEST_CASE("two optimizers train to the weights of two optimizers of LibTorch") {
  CHECK(tiny::distance(trained(), by_hand(1, 1e9, false, 1.0)) < 1e-6);
  const hone::PerGroup schedules{hone::ConstantLr{}, hone::ExponentialLr{.gamma = 0.7}};
  CHECK(tiny::distance(trained(hone::GradAccum<2>{}, hone::ClipNorm{.max_norm = 0.05}, hone::Bf16{}, schedules),
                       by_hand(2, 0.05, true, 0.7)) < 1e-6);
}

TEST_CASE("two optimizers with the same rule are bitwise equal to one optimizer") {
  const auto of = [](auto optimizer) {
    hone::Trainer trainer{tiny::Net(), torch::nn::CrossEntropyLoss{}, std::move(optimizer),
                          hone::ClipNorm{.max_norm = 0.05}, hone::GradAccum<2>{}};
    trainer.train(tiny::batches(5, 3), {.num_epochs = 3});
    return tiny::weights(trainer.model());
  };
  const hone::AdamW rule{.lr = 0.01};
  CHECK(tiny::equal(of(hone::Optimizers{hone::optimizer_for<"first">(rule), hone::optimizer_for<"second">(rule)}),
                    of(rule)));
}
