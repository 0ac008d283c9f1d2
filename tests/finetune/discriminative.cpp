// SPDX-License-Identifier: Apache-2.0
#include "hone/finetune/discriminative.hpp"

#include <torch/torch.h>

#include <limits>
#include <stdexcept>
#include <vector>

#include "hone/finetune/model_freezer.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "nets.hpp"
#include "support/catch.hpp"

TEST_CASE("learning rates decrease by the factor per layer group from last to first, also over empty groups") {
  const auto model = nets::blocks();
  const auto groups = hone::discriminative_groups(model, 0.8, 0.5);
  std::vector<double> rates;
  std::vector<std::size_t> places;
  for (const auto& group : groups) {
    rates.push_back(group.lr);
    places.push_back(group.layer_group);
  }
  CHECK(rates == std::vector<double>{0.025, 0.05, 0.2, 0.4, 0.8});
  CHECK(places == std::vector<std::size_t>{0, 1, 3, 4, 5});
  CHECK(nets::names_of(groups[0].parameters) == nets::Names{"0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias"});
}

TEST_CASE("frozen parameters are in no group, and the model's direct parameters are in the first one") {
  nets::TokenNet model;
  hone::ModelFreezer freezer(model);
  CHECK(nets::names_of(hone::discriminative_groups(model, 1.0, 0.1)[0].parameters).front() == "token");
  freezer.freeze();
  const auto groups = hone::discriminative_groups(*model, 1.0, 0.1);
  REQUIRE(groups.size() == 1);
  CHECK((groups[0].layer_group == 1 && groups[0].lr == 1.0));
}

TEST_CASE("the optimizer has a group for each layer group, with the same other settings") {
  auto model = nets::blocks();
  const auto optimizer = hone::discriminative_optimizer(model, hone::Sgd{.lr = 0.8, .momentum = 0.9}, 0.5);
  REQUIRE(optimizer.num_groups() == 5);
  CHECK((optimizer.lr(0) == 0.025 && optimizer.base_lr(4) == 0.8 && optimizer.groups()[2].settings.momentum == 0.9));
  CHECK(optimizer.parameters().size() == model->parameters().size());
}

TEST_CASE("a shared parameter is in the first group that has it") {
  torch::nn::Linear shared(2, 2);
  torch::nn::Linear last(2, 2);
  last->weight = last->register_parameter("tied", shared->weight);
  const torch::nn::Sequential model(shared, last);
  const auto groups = hone::discriminative_groups(model, 1.0, 0.5);
  CHECK(nets::names_of(groups[1].parameters) == nets::Names{"1.weight", "1.bias"});
}

TEST_CASE("invalid discriminative learning rates throw std::invalid_argument") {
  auto model = nets::blocks();
  CHECK_THROWS_AS(hone::discriminative_groups(model, -1.0, 0.5), std::invalid_argument);
  CHECK_THROWS_AS(hone::discriminative_groups(model, 1.0, 0.0), std::invalid_argument);
  CHECK_THROWS_AS(hone::discriminative_groups(model, 1.0, std::numeric_limits<double>::infinity()),
                  std::invalid_argument);
  hone::ModelFreezer(model, {.freeze_batch_norms = true}).freeze(0, -1);
  CHECK_THROWS_AS(hone::discriminative_optimizer(model, hone::Adam{}, 0.5), std::invalid_argument);
}
