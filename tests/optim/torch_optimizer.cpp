// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/torch_optimizer.hpp"

#include <torch/torch.h>

#include <memory>

#include "hone/optim/optimizer.hpp"
#include "support/catch.hpp"

static_assert(hone::Optimizer<hone::TorchOptimizer<torch::optim::Adam>>);
static_assert(hone::Optimizer<hone::TorchOptimizer<torch::optim::Optimizer>>);

TEST_CASE("TorchOptimizer implements step, zero_grad, gradients and num_updates") {
  const auto a = torch::ones({2}, torch::requires_grad()), b = torch::ones({3}, torch::requires_grad());
  hone::TorchOptimizer<torch::optim::SGD> optimizer(
      std::make_shared<torch::optim::SGD>(std::vector<torch::Tensor>{a, b}, torch::optim::SGDOptions(0.5)));
  b.mutable_grad() = torch::full({3}, 4.0F);
  REQUIRE(optimizer.gradients().size() == 1);
  CHECK(optimizer.gradients()[0].is_same(b.grad()));
  optimizer.gradients()[0].mul_(0.5);  // as clipping does, in place
  optimizer.step();
  CHECK(torch::equal(a, torch::ones({2})));
  CHECK(torch::equal(b, torch::zeros({3})));
  CHECK(optimizer.num_updates() == 1);
  optimizer.zero_grad();
  CHECK_FALSE(b.grad().defined());
  CHECK(optimizer.gradients().empty());
}

TEST_CASE("TorchOptimizer implements lr, set_lr and base_lr for each group and for all groups") {
  const auto a = torch::ones({2}, torch::requires_grad()), b = torch::ones({3}, torch::requires_grad());
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<torch::Tensor>{a}, std::make_unique<torch::optim::AdamOptions>(0.1));
  groups.emplace_back(std::vector<torch::Tensor>{b}, std::make_unique<torch::optim::AdamOptions>(0.2));
  hone::TorchOptimizer<torch::optim::Adam> optimizer(std::make_shared<torch::optim::Adam>(groups));
  CHECK(optimizer.num_groups() == 2);
  optimizer.set_lr(1, 0.5);
  CHECK(optimizer.lr(0) == 0.1);
  CHECK(optimizer.lr(1) == 0.5);
  CHECK(optimizer.base_lr(1) == 0.2);
  optimizer.set_lr(0.7);
  CHECK(optimizer.lr(0) == 0.7);
  CHECK(optimizer.torch_optimizer().param_groups()[1].options().get_lr() == 0.7);
}

TEST_CASE("TorchOptimizer throws std::invalid_argument for a null pointer and for an optimizer without parameters") {
  using Adapter = hone::TorchOptimizer<torch::optim::SGD>;
  REQUIRE_THROWS_AS(Adapter(nullptr), std::invalid_argument);
  REQUIRE_THROWS_AS(
      Adapter(std::make_shared<torch::optim::SGD>(std::vector<torch::Tensor>{}, torch::optim::SGDOptions(0.1))),
      std::invalid_argument);
}
