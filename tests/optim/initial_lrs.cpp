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

// torch 2.11: at the end of a schedule, LRScheduler(sgd) leaves lr = 1e-6 and initial_lr = 0.1. A second scheduler
// starts from 0.1.
TEST_CASE("a TorchOptimizer that is bound later has the optimizer's initial rate as base_lr") {
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

TEST_CASE("a TorchOptimizer that does not own its optimizer finds its initial rate") {
  optim::SGD own({torch::ones({2}, torch::requires_grad())}, optim::SGDOptions(0.1));
  bound(borrowed(own)).set_lr(0, 1e-6);
  CHECK(bound(borrowed(own)).base_lr(0) == 0.1);
}

TEST_CASE("a rate that the user set in the meantime is the new base_lr") {
  const auto shared = sgd(0.1);
  bound(shared).set_lr(1e-6);
  options_of(*shared).lr(0.5);
  CHECK(bound(shared).base_lr(0) == 0.5);
}

TEST_CASE("groups that are added later have their own base_lr") {
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

TEST_CASE("a new optimizer at the same address has its own base_lr") {
  const auto parameter = torch::ones({2}, torch::requires_grad());
  alignas(optim::SGD) unsigned char place[sizeof(optim::SGD)];
  auto* optimizer = new (place) optim::SGD({parameter}, optim::SGDOptions(0.1));
  bound(borrowed(*optimizer)).set_lr(0.05);
  optimizer->~SGD();
  optimizer = new (place) optim::SGD({parameter}, optim::SGDOptions(0.05));
  CHECK(bound(borrowed(*optimizer)).base_lr(0) == 0.05);
  optimizer->~SGD();
}
