// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/parameter_group.hpp"

#include <torch/script.h>
#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

struct TiedImpl : torch::nn::Module {
  torch::nn::Linear first{2, 2}, second{2, 2};
  TiedImpl() {
    second->weight = first->weight;
    register_module("first", first);
    register_module("second", second);
    second->register_parameter("again", first->weight);
  }
};
TORCH_MODULE(Tied);

std::vector<std::string> names_of(const hone::NamedParameters& parameters) {
  std::vector<std::string> names;
  for (const auto& parameter : parameters) names.push_back(parameter.name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("named_parameters accepts a module, a holder and a smart pointer, and keeps the module's order") {
  const torch::nn::Sequential holder(torch::nn::Linear(2, 3),
                                     torch::nn::Linear(torch::nn::LinearOptions(3, 1).bias(false)));
  const Names expected{"0.weight", "0.bias", "1.weight"};
  CHECK(names_of(hone::named_parameters(holder)) == expected);
  CHECK(names_of(hone::named_parameters(*holder)) == expected);
  CHECK(names_of(hone::named_parameters(std::shared_ptr<torch::nn::Module>(holder.ptr()))) == expected);
  CHECK(hone::named_parameters(holder)[0].value.is_same(holder->parameters()[0]));
}

TEST_CASE("named_parameters accepts a TorchScript module") {
  torch::jit::Module module("m");
  module.register_parameter("w", torch::ones({2}, torch::requires_grad()), false);
  CHECK(names_of(hone::named_parameters(module)) == Names{"w"});
}

TEST_CASE("named_parameters lists a tied parameter once, under its first name") {
  CHECK(names_of(hone::named_parameters(Tied())) ==
        Names{"first.weight", "first.bias", "second.weight", "second.bias"});
}

TEST_CASE("named_parameters puts the prefix before each name") {
  CHECK(names_of(hone::named_parameters(torch::nn::Linear(2, 2), "head.")) == Names{"head.weight", "head.bias"});
}

TEST_CASE("trainable omits frozen parameters") {
  torch::nn::Linear layer(2, 2);
  layer->weight.set_requires_grad(false);
  CHECK(names_of(hone::trainable(hone::named_parameters(layer))) == Names{"bias"});
}
