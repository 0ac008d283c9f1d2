// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/composite_optimizer.hpp"

#include <torch/torch.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "hone/optim/adam.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/optimizer.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/apply_schedule.hpp"
#include "hone/schedule/exponential.hpp"
#include "hone/schedule/per_group.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using Sgd = hone::FusedOptimizer<hone::Sgd>;
using AdamW = hone::FusedOptimizer<hone::AdamW>;
using Both = hone::CompositeOptimizer<hone::NamedOptimizer<"body", Sgd>, hone::NamedOptimizer<"head", AdamW>>;
static_assert(hone::Optimizer<Both>);

Both make(const tiny::Net& model) {
  Sgd body({{"first.weight", model->first->weight}}, {.lr = 0.1, .momentum = 0.9});
  body.add_group({{"first.bias", model->first->bias}}, {.lr = 0.2});
  return Both({std::move(body)}, {AdamW(hone::named_parameters(*model->second, "second."), {.lr = 0.01})});
}

void backward(tiny::Net& model) { model->forward(tiny::inputs()).square().mean().backward(); }

}  // namespace

TEST_CASE("CompositeOptimizer equals its optimizers called in order") {
  tiny::Net a, b;
  auto both = make(a);
  auto parts = make(b);
  for (int i = 0; i < 3; ++i) {
    backward(a);
    backward(b);
    CHECK(both.collect_gradients().size() == 4);
    CHECK(both.gradients()[3].is_same(a->second->bias.grad()));
    both.step();
    parts.get<"body">().step();
    parts.get<"head">().step();
    both.zero_grad();
    parts.zero_grad();
    CHECK_FALSE(tiny::has_gradients(a));
  }
  CHECK(tiny::equal(tiny::weights(a), tiny::weights(b)));
  CHECK(both.num_updates() == 3);
  CHECK(both.parameters().size() == 4);
  backward(a);
  both.zero_grad(/*set_to_none=*/false);
  CHECK(a->first->bias.grad().abs().sum().item<float>() == 0.0F);
}

TEST_CASE("the parameter groups of CompositeOptimizer are the groups of its optimizers, in order") {
  tiny::Net model;
  auto both = make(model);
  REQUIRE(both.num_groups() == 3);
  CHECK(both.lr() == 0.1);
  CHECK(both.lr(1) == 0.2);
  CHECK(both.lr(2) == 0.01);
  both.set_lr(2, 0.5);
  CHECK(both.get<"head">().lr() == 0.5);
  CHECK(both.base_lr(2) == 0.01);
  both.set_lr(0.25);
  CHECK(both.lr(1) == 0.25);
  CHECK(both.lr(2) == 0.25);
  both.set_base_lr(2, 0.02);
  CHECK(both.base_lr(1) == 0.2);
  CHECK(both.get<"head">().base_lr(0) == 0.02);
  CHECK(both.lr(2) == 0.25);
  CHECK(tiny::message_of<std::out_of_range>([&] { both.set_lr(3, 0.1); }) ==
        "Parameter group 3 is out of range: the optimizers have 3 groups.");
}

TEST_CASE("schedules apply to the groups of all optimizers") {
  tiny::Net model;
  auto both = make(model);
  const hone::PerGroup each{hone::ExponentialLr{.gamma = 0.5}, hone::ConstantLr{}, hone::ExponentialLr{.gamma = 0.1}};
  hone::apply_schedule(each, both, 1);
  CHECK(both.lr(0) == Approx(0.05));
  CHECK(both.lr(1) == 0.2);
  CHECK(both.lr(2) == Approx(0.001));
  const hone::ScheduleOf<hone::fields::WeightDecay, hone::ExponentialLr> decay{{.gamma = 0.5}};
  hone::apply_schedule(decay, both, 1);
  CHECK(both.get<"head">().groups()[0].settings.weight_decay == Approx(0.005));
}

TEST_CASE("Only restricts a CompositeOptimizer to one optimizer and freezes the parameters of the other ones") {
  tiny::Net model;
  auto both = make(model);
  model->second->bias.set_requires_grad(false);
  {
    const Both::Only only(both, Both::place_of<"body">);
    CHECK_FALSE(model->second->weight.requires_grad());
    CHECK(model->first->weight.requires_grad());
    backward(model);
    CHECK(both.collect_gradients().size() == 2);
    const auto before = tiny::weights(model);
    both.step();
    CHECK_FALSE(torch::equal(model->first->weight, before[0]));
    CHECK(torch::equal(model->second->weight, before[2]));
    both.zero_grad();
  }
  CHECK(model->second->weight.requires_grad());
  CHECK_FALSE(model->second->bias.requires_grad());  // as before
  CHECK(both.get<"head">().num_updates() == 0);
  backward(model);
  CHECK(both.collect_gradients().size() == 3);
  // The selected optimizer does not clear gradients of the other one.
  const Both::Only only(both, Both::place_of<"head">);
  both.zero_grad();
  CHECK(model->first->weight.grad().defined());
}
