// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/initial_lrs.hpp"

#include <torch/torch.h>

#include <functional>
#include <memory>

#include "hone/optim/optimizer.hpp"
#include "support/catch.hpp"

namespace optim = torch::optim;

namespace {

std::shared_ptr<optim::SGD> sgd(double lr, const torch::Tensor& parameter = torch::ones({2}, torch::requires_grad())) {
  return std::make_shared<optim::SGD>(std::vector{parameter}, optim::SGDOptions(lr));
}

optim::SGDOptions& options_of(optim::Optimizer& optimizer, std::size_t group = 0) {
  return static_cast<optim::SGDOptions&>(optimizer.param_groups()[group].options());
}

template <class O>
hone::TorchOptimizer<O> bound(std::shared_ptr<O> optimizer) {
  return hone::TorchOptimizer<O>(std::move(optimizer));
}

std::shared_ptr<optim::SGD> borrowed(optim::SGD& optimizer) {
  return std::shared_ptr<optim::SGD>(std::shared_ptr<void>(), &optimizer);
}

}  // namespace

// torch 2.11: LRScheduler(sgd) at the end of a schedule leaves lr = 1e-6 and initial_lr = 0.1, and a second one starts
// from 0.1.
TEST_CASE("What is bound to an optimizer later starts from its first rate") {
  const auto shared = sgd(0.1);
  {
    auto first = bound(shared);
    first.set_lr(1e-6);
    CHECK(first.base_lr(0) == 0.1);
    CHECK(bound(shared).base_lr(0) == 0.1);
  }
  const auto second = bound(std::shared_ptr<optim::Optimizer>(shared));
  CHECK(second.base_lr(0) == 0.1);
  CHECK(second.lr(0) == 1e-6);
}

TEST_CASE("So does what refers to an optimizer that it does not own") {
  optim::SGD own({torch::ones({2}, torch::requires_grad())}, optim::SGDOptions(0.1));
  bound(borrowed(own)).set_lr(0, 1e-6);
  CHECK(bound(borrowed(own)).base_lr(0) == 0.1);
}

TEST_CASE("A rate that the user has set since is a new first rate") {
  const auto shared = sgd(0.1);
  bound(shared).set_lr(1e-6);
  options_of(*shared).lr(0.5);
  CHECK(bound(shared).base_lr(0) == 0.5);
}

TEST_CASE("Groups that are added later bring their own first rates") {
  const auto shared = sgd(0.1);
  auto first = bound(shared);
  first.set_lr(1e-6);
  shared->add_param_group(
      optim::OptimizerParamGroup({torch::ones({3}, torch::requires_grad())}, std::make_unique<optim::SGDOptions>(0.3)));
  const auto second = bound(shared);
  CHECK(second.base_lr(0) == 0.1);
  CHECK(second.base_lr(1) == 0.3);
  first.set_lr(1e-5);
  CHECK(second.lr(1) == 1e-5);
  CHECK(bound(shared).base_lr(1) == 0.3);
}

TEST_CASE("Another optimizer in the same place has its own rates") {
  const auto parameter = torch::ones({2}, torch::requires_grad());
  alignas(optim::SGD) unsigned char place[sizeof(optim::SGD)];
  auto* optimizer = new (place) optim::SGD({parameter}, optim::SGDOptions(0.1));
  bound(borrowed(*optimizer)).set_lr(0.05);
  optimizer->~SGD();
  optimizer = new (place) optim::SGD({parameter}, optim::SGDOptions(0.05));
  CHECK(bound(borrowed(*optimizer)).base_lr(0) == 0.05);
  optimizer->~SGD();
}
