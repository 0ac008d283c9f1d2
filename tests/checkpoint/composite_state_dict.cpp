// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/composite_state_dict.hpp"

#include <torch/torch.h>

#include <string>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

/// A custom optimizer whose state has another form.
struct OwnOptions : torch::optim::OptimizerCloneableOptions<OwnOptions> {
  double get_lr() const override { return lr; }
  void set_lr(const double value) override { lr = value; }
  double lr = 0.1;
};
struct Own : torch::optim::Optimizer {
  explicit Own(std::vector<torch::Tensor> parameters)
      : Optimizer({torch::optim::OptimizerParamGroup(std::move(parameters))}, std::make_unique<OwnOptions>()) {}
  torch::Tensor step(LossClosure = nullptr) override {
    ++steps;
    return {};
  }
  void serialize(auto& archive) { archive("steps", steps); }
  std::int64_t steps = 0;
};

auto make(const tiny::Net& model) {
  return hone::bind(hone::Optimizers{hone::optimizer_for<"first">(hone::Sgd{.lr = 0.1, .momentum = 0.9}),
                                     hone::optimizer_for<"own">(Own({model->second->bias})),
                                     hone::optimizer_for<"second.weight">(hone::AdamW{.lr = 0.01})},
                    hone::named_parameters(model));
}
void learn(tiny::Net& model, auto& optimizer) {
  optimizer.zero_grad();
  model->forward(tiny::inputs()).square().mean().backward();
  optimizer.step();
}
std::string refusal(auto& optimizer, const hone::Value& state) {
  return tiny::message_of<hone::DataError>([&] { hone::load_optimizer_state_dict(optimizer, state); });
}

}  // namespace

TEST_CASE("the state of Optimizers has one entry in PyTorch's form for each optimizer, by name") {
  tiny::Net a, b;
  auto from = make(a);
  learn(a, from);
  from.set_lr(0, 0.05);
  const hone::Dict state = hone::cloned(hone::optimizer_state_dict(from));
  CHECK(state.get<hone::Dict>("first").get<hone::Dict>("state").size() == 2);
  CHECK(state.get<hone::Dict>("second.weight").contains("param_groups"));

  auto to = make(b);
  hone::load_optimizer_state_dict(to, state);
  CHECK(to.lr(0) == 0.05);
  CHECK(to.get<"own">().torch_optimizer().steps == 1);
  {
    const torch::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < 4; ++i) b->parameters()[i].copy_(a->parameters()[i]);
  }
  learn(a, from);
  learn(b, to);
  CHECK(tiny::equal(tiny::weights(a), tiny::weights(b)));
}

TEST_CASE("load_optimizer_state_dict of Optimizers throws DataError for a mismatch and changes nothing") {
  tiny::Net model;
  auto optimizer = make(model);
  learn(model, optimizer);
  const auto before = hone::cloned(hone::optimizer_state_dict(optimizer));
  learn(model, optimizer);
  const auto now = hone::cloned(hone::optimizer_state_dict(optimizer));

  const hone::Dict without{{"first", before.at("first")}, {"second.weight", before.at("second.weight")}};
  CHECK(refusal(optimizer, without) ==
        "The optimizer state has no entry for the optimizer 'own'; its entries are 'first', 'second.weight'. Pass the "
        "trainer the same optimizers, under the same names.");
  hone::Dict more = before;
  more.set("third", hone::Dict());
  CHECK(tiny::contains(refusal(optimizer, more), "has entries for other optimizers, such as 'third'"));
  hone::Dict wrong = before;
  wrong.set("second.weight", before.at("first"));  // detected last
  const auto message = refusal(optimizer, wrong);
  CHECK(tiny::contains(message, "The optimizer 'second.weight': The optimizer state does not match the optimizer"));
  const auto after = hone::optimizer_state_dict(optimizer);
  CHECK(torch::equal(after.at("first").at("state").at(std::int64_t{0}).at("momentum_buffer").get<torch::Tensor>(),
                     now.at("first").at("state").at(std::int64_t{0}).at("momentum_buffer").get<torch::Tensor>()));
  CHECK(optimizer.get<"own">().torch_optimizer().steps == 2);
  CHECK(tiny::contains(refusal(optimizer, before.at("first")), "its entries are 'state', 'param_groups'"));
}
