// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/optimizer.hpp"

#include <torch/torch.h>

#include <concepts>
#include <memory>
#include <string>

#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "support/catch.hpp"

namespace {

using TorchSgd = torch::optim::SGD;
using Adapter = hone::TorchOptimizer<TorchSgd>;

static_assert(hone::Optimizer<hone::FusedOptimizer<hone::Sgd>> && hone::Optimizer<hone::FusedOptimizer<hone::AdamW>>);
static_assert(!hone::Optimizer<hone::Sgd> && !hone::Optimizer<TorchSgd>);
static_assert(std::same_as<hone::BoundOptimizer<hone::Sgd>, hone::FusedOptimizer<hone::Sgd>>);
static_assert(std::same_as<hone::BoundOptimizer<const hone::Adam&>, hone::FusedOptimizer<hone::Adam>>);
static_assert(std::same_as<hone::BoundOptimizer<hone::FusedOptimizer<hone::Sgd>>, hone::FusedOptimizer<hone::Sgd>>);
static_assert(std::same_as<hone::BoundOptimizer<TorchSgd>, Adapter>);
static_assert(std::same_as<hone::BoundOptimizer<std::shared_ptr<TorchSgd>>, Adapter>);
static_assert(std::same_as<hone::BoundOptimizer<std::unique_ptr<TorchSgd>>, Adapter>);
static_assert(std::same_as<hone::BoundOptimizer<std::reference_wrapper<TorchSgd>>, Adapter>);
static_assert(std::same_as<hone::BoundOptimizer<Adapter>, Adapter>);
static_assert(!hone::BindableOptimizer<int> && !hone::BindableOptimizer<std::shared_ptr<int>>);

template <class F>
std::string message_of(F call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

// Returns the bias, initially 0, after one step with gradient 1.
template <class Optimizer>
double bias_after_step(Optimizer& optimizer, const torch::nn::Linear& layer) {
  {
    const torch::NoGradGuard no_grad;
    layer->bias.zero_();
  }
  layer->bias.mutable_grad() = torch::ones({1});
  optimizer.step();
  optimizer.zero_grad();
  return layer->bias.item<double>();
}

}  // namespace

TEST_CASE("bind accepts rules, FusedOptimizer, and torch::optim optimizers by value, pointer and reference") {
  const torch::nn::Linear layer(2, 1);
  const auto named = hone::named_parameters(layer);
  const auto make = [&] { return TorchSgd(layer->parameters(), 0.5); };

  auto rule = hone::bind(hone::Sgd{.lr = 0.5}, named);
  CHECK(bias_after_step(rule, layer) == -0.5);
  auto fused = hone::bind(hone::FusedOptimizer<hone::Sgd>(named, {.lr = 0.5}), named);
  CHECK(bias_after_step(fused, layer) == -0.5);
  auto value = hone::bind(make(), named);
  CHECK(bias_after_step(value, layer) == -0.5);
  auto shared = hone::bind(std::make_shared<TorchSgd>(make()), named);
  CHECK(bias_after_step(shared, layer) == -0.5);
  auto unique = hone::bind(std::make_unique<TorchSgd>(make()), named);
  CHECK(bias_after_step(unique, layer) == -0.5);
  auto base = hone::bind(std::unique_ptr<torch::optim::Optimizer>(std::make_unique<TorchSgd>(make())), named);
  CHECK(bias_after_step(base, layer) == -0.5);
  TorchSgd owned = make();
  auto reference = hone::bind(std::ref(owned), named);
  CHECK(bias_after_step(reference, layer) == -0.5);
  CHECK(&reference.torch_optimizer() == &owned);
}

TEST_CASE("bind gives a rule the parameters that require a gradient") {
  const torch::nn::Linear layer(2, 1);
  layer->weight.set_requires_grad(false);
  auto optimizer = hone::bind(hone::Adam{}, hone::named_parameters(layer));
  REQUIRE(optimizer.names().size() == 1);
  CHECK(optimizer.names()[0] == "bias");
}

TEST_CASE("bind of a rule accepts a model without trainable parameters and checks the rule") {
  const torch::nn::Linear layer(2, 1);
  for (auto& parameter : layer->parameters()) parameter.set_requires_grad(false);
  const auto optimizer = hone::bind(hone::Sgd{}, hone::named_parameters(layer));
  CHECK((optimizer.parameters().empty() && optimizer.num_groups() == 0));
  CHECK_FALSE(message_of([&] { (void)hone::bind(hone::Sgd{.lr = -1.0}, hone::named_parameters(layer)); }).empty());
}

TEST_CASE("bind throws std::invalid_argument for an optimizer of another model") {
  const torch::nn::Linear layer(2, 1), other(2, 1);
  const std::string expected =
      "The optimizer has none of the model's 2 parameters. Construct it from the parameters of the model that you "
      "train, not of a copy.";
  CHECK(message_of([&] { (void)hone::bind(TorchSgd(other->parameters(), 0.1), hone::named_parameters(layer)); }) ==
        expected);
  CHECK(message_of([&] {
          (void)hone::bind(hone::FusedOptimizer<hone::Sgd>(hone::named_parameters(other)),
                           hone::named_parameters(layer));
        }) == expected);
}
