// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/no_optimizer.hpp"

#include <torch/torch.h>

#include "hone/optim/optimizer.hpp"
#include "support/catch.hpp"

static_assert(hone::Optimizer<hone::NoOptimizer>);
static_assert(std::same_as<hone::BoundOptimizer<hone::NoOptimizer>, hone::NoOptimizer>);

TEST_CASE("NoOptimizer has neither parameters nor groups") {
  torch::nn::Linear layer(1, 1);
  auto optimizer = hone::bind(hone::NoOptimizer{}, hone::named_parameters(layer));
  CHECK((optimizer.parameters().empty() && optimizer.num_groups() == 0));
  CHECK_THROWS_AS(optimizer.lr(0), std::out_of_range);
}
