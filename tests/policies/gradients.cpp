// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/gradients.hpp"

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

const hone::Sgd sgd{.lr = 0.1, .momentum = 0.9};

/// The caller owns the memory of all gradients. The reference is `torch.optim.SGD` with `set_to_none=False`.
template <class Optimizer>
void check(tiny::Net model, Optimizer optimizer) {
  tiny::Net reference;
  torch::optim::SGD by_torch(reference->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  std::vector<Tensor> held;
  for (auto& parameter : model->parameters()) {
    held.push_back(torch::zeros_like(parameter));
    parameter.mutable_grad() = held.back();
  }
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{}, std::move(optimizer), hone::GradAccum<2>{},
                        hone::KeepGradients{}};
  auto batches = tiny::batches(4);
  for (std::size_t i = 0; i < 4; ++i) {
    auto& [inputs, labels] = batches[i];
    trainer.step(batches[i]);
    (torch::cross_entropy_loss(reference->forward(inputs), labels) * 0.5).backward();
    for (std::size_t p = 0; p < held.size(); ++p) {
      CHECK(model->parameters()[p].grad().is_same(held[p]));
      CHECK((i % 2 == 0 ? torch::allclose(held[p], reference->parameters()[p].grad()) : !held[p].any().item<bool>()));
    }
    if (i % 2 == 0) continue;
    by_torch.step();
    by_torch.zero_grad(/*set_to_none=*/false);
    CHECK(tiny::distance(tiny::weights(model), tiny::weights(reference)) < 1e-6);
  }
}

}  // namespace

TEST_CASE("KeepGradients keeps the gradient tensors, and updates match set_to_none=False") {
  check(tiny::Net(), sgd);
  tiny::Net model;
  check(model, std::make_shared<torch::optim::SGD>(model->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9)));
}

TEST_CASE(
    "without a backward pass, a step after KeepGradients::clear applies zeros, and after SetToNone::clear nothing") {
  const auto weight = torch::ones({2}).requires_grad_();
  hone::FusedOptimizer<hone::Sgd> optimizer({{"weight", weight}}, sgd);
  weight.sum().backward();
  optimizer.step();
  hone::KeepGradients::clear(optimizer);
  const auto kept = weight.grad();
  CHECK((kept.defined() && !kept.any().item<bool>()));
  const auto before = weight.detach().clone();
  optimizer.step();
  CHECK(torch::allclose(before - weight.detach(), torch::full({2}, 0.09)));
  hone::SetToNone::clear(optimizer);
  CHECK_FALSE(weight.grad().defined());
  const auto unchanged = weight.detach().clone();
  optimizer.step();
  CHECK(weight.detach().equal(unchanged));
  CHECK_FALSE(weight.grad().defined());
  hone::KeepGradients::clear(optimizer);  // no gradients
}

struct ClearsNothing {
  using slot = hone::slots::Gradients;
  static void clear() {}
};
static_assert(!hone::GradientsPolicy<ClearsNothing>);
