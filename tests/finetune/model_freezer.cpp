// SPDX-License-Identifier: Apache-2.0
#include "hone/finetune/model_freezer.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hone/data/tensor_dataset.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "nets.hpp"
#include "support/catch.hpp"

namespace {

using nets::blocks;
using nets::Names;
using nets::names_of;
using Range = std::pair<std::size_t, std::size_t>;

struct BoxImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& inputs) { return inputs; }
};
TORCH_MODULE(Box);

bool is_norm(const hone::ModelFreezer::Part& layer) { return hone::detail::is_batch_norm(*layer.module); }

std::set<std::size_t> frozen_groups(const hone::ModelFreezer& freezer, bool of_batch_norms) {
  std::set<std::size_t> groups;
  for (const auto& layer : freezer.get_layers()) {
    if (layer.num_parameters > 0 && is_norm(layer) == of_batch_norms && layer.is_frozen) groups.insert(layer.group);
  }
  return groups;
}

hone::TensorDataset<std::pair<torch::Tensor, torch::Tensor>> dataset() {
  torch::manual_seed(3);
  return {torch::randn({12, 4}), torch::arange(12).remainder(2)};
}

std::vector<torch::Tensor> copies(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> result;
  for (const auto& tensor : tensors) result.push_back(tensor.detach().clone());
  return result;
}

}  // namespace

TEST_CASE("indices can be negative, and the ends of a range can be reversed") {
  using hone::detail::index_range;
  CHECK(index_range(0, 4, 6) == Range{0, 4});
  CHECK(index_range(0, -2, 6) == Range{0, 4});
  CHECK(index_range(-1, 0, 6) == Range{0, 5});
  CHECK(index_range(4, 1, 6) == Range{1, 4});
  CHECK(index_range(-2, -4, 6) == Range{2, 4});
  CHECK(index_range(3, -3, 6) == Range{3, 3});
}

TEST_CASE("an index out of range throws std::invalid_argument and changes nothing") {
  auto model = blocks();
  hone::ModelFreezer freezer(model);
  CHECK_THROWS_AS(freezer.freeze(0, 6), std::invalid_argument);
  CHECK_THROWS_AS(freezer.freeze(-7, 0), std::invalid_argument);
  CHECK(freezer.trainable_parameters().size() == model->parameters().size());
  try {
    freezer.unfreeze(9);
    FAIL();
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()) == "Layer group 9 is out of range: this model has 6. Pass an index from -6 to 5.");
  }
}

TEST_CASE("unfreeze keeps parameters frozen that freeze did not freeze") {
  auto model = blocks();
  const auto all = model->parameters();
  all[0].set_requires_grad(false);  // before the freezer
  hone::ModelFreezer freezer(model, {.freeze_batch_norms = true});
  CHECK(freezer.trainable_parameters().size() == all.size() - 1);
  all[1].set_requires_grad(false);  // before `freeze`
  freezer.freeze(0, -1);
  CHECK(freezer.trainable_parameters().empty());
  std::size_t num_unfrozen = 0;
  for (const auto& [group, parameters] : freezer.unfreeze()) num_unfrozen += parameters.size();
  CHECK(num_unfrozen == all.size() - 2);
  CHECK_FALSE((all[0].requires_grad() || all[1].requires_grad()));

  freezer.freeze(5, 5);
  all.back().set_requires_grad(true);  // by other means
  CHECK(names_of(freezer.unfreeze().at(5)) == Names{"5.weight"});
  all.back().set_requires_grad(false);
  CHECK(freezer.unfreeze().empty());
}

TEST_CASE("freeze_again freezes the parameters and holds the modules that were frozen before") {
  auto model = blocks();
  hone::ModelFreezer freezer(model);
  freezer.freeze(1, 3, /*set_modules_as_eval=*/true);
  const auto before = freezer.frozen();
  CHECK(before.parameters == std::unordered_set<std::string>{"1.0.weight", "1.0.bias", "3.weight", "3.bias"});
  freezer.unfreeze();
  CHECK(freezer.frozen().parameters.empty());
  CHECK(freezer.frozen().modules.empty());
  freezer.freeze(4, 4);
  freezer.freeze_again(before);
  CHECK(names_of(freezer.unfreeze(3, 3).at(3)) == Names{"3.weight", "3.bias"});
  CHECK(frozen_groups(freezer, /*of_batch_norms=*/false) == std::set<std::size_t>{1, 4});
  CHECK_FALSE(model[2]->is_training());
}

TEST_CASE("freeze freezes a range of groups, and batch norms only with freeze_batch_norms") {
  const auto [from, to] = GENERATE(std::pair<int, int>{0, 2}, std::pair<int, int>{0, 4}, std::pair<int, int>{1, 3});
  const bool with_norms = GENERATE(true, false);
  auto model = blocks();
  hone::ModelFreezer freezer(model, {.freeze_batch_norms = with_norms});
  freezer.freeze(from, to);
  std::set<std::size_t> groups, groups_with_norms;
  for (auto i = static_cast<std::size_t>(from); i <= static_cast<std::size_t>(to); ++i) {
    if (i != 2) groups.insert(i);  // a dropout
    if (i == 0 || i == 1 || i == 4) groups_with_norms.insert(i);
  }
  CHECK(frozen_groups(freezer, /*of_batch_norms=*/false) == groups);
  CHECK(frozen_groups(freezer, /*of_batch_norms=*/true) == (with_norms ? groups_with_norms : std::set<std::size_t>{}));
}

TEST_CASE("freeze excludes the last group by default") {
  auto model = blocks();
  hone::ModelFreezer freezer(model, {.freeze_batch_norms = true});
  freezer.freeze();
  CHECK(names_of(freezer.trainable_parameters()) == Names{"5.weight", "5.bias"});
}

TEST_CASE("unfreeze unfreezes a range of groups") {
  const auto [from, to] = GENERATE(std::pair<int, int>{0, 2}, std::pair<int, int>{4, 0}, std::pair<int, int>{1, 3});
  auto model = blocks();
  hone::ModelFreezer freezer(model, {.freeze_batch_norms = true});
  freezer.freeze(0, -1);
  REQUIRE(freezer.trainable_parameters().empty());
  freezer.unfreeze(from, to);
  const auto first = static_cast<std::size_t>(std::min(from, to)), last = static_cast<std::size_t>(std::max(from, to));
  for (const auto& group : freezer.get_layer_groups()) {
    if (group.num_parameters > 0) CHECK(group.is_frozen == (group.index < first || group.index > last));
  }
}

TEST_CASE("unfreeze returns the unfrozen parameters by group, with their names in the model") {
  auto model = blocks();
  hone::ModelFreezer freezer(model);
  freezer.freeze(0, -1);
  const auto unfrozen = freezer.unfreeze();
  std::map<std::size_t, Names> names;
  for (const auto& [group, parameters] : unfrozen) names[group] = names_of(parameters);
  CHECK(names == std::map<std::size_t, Names>{{0, {"0.0.weight", "0.0.bias"}},
                                              {1, {"1.0.weight", "1.0.bias"}},
                                              {3, {"3.weight", "3.bias"}},
                                              {4, {"4.0.weight", "4.0.bias"}},
                                              {5, {"5.weight", "5.bias"}}});
  CHECK(unfrozen.at(3)[0].value.is_same(model[3]->as<torch::nn::Linear>()->weight));
  CHECK(freezer.unfreeze().empty());
}

TEST_CASE("unfreeze after a partial freeze returns only the groups that were frozen") {
  auto model = blocks();
  hone::ModelFreezer freezer(model);
  freezer.freeze(1, 3);
  std::set<std::size_t> groups;
  for (const auto& [group, parameters] : freezer.unfreeze()) groups.insert(group);
  CHECK(groups == std::set<std::size_t>{1, 3});
}

TEST_CASE("the result of unfreeze can be added to an optimizer") {
  auto model = blocks();
  hone::ModelFreezer freezer(model);
  freezer.freeze();
  hone::FusedOptimizer<hone::Sgd> optimizer(freezer.trainable_parameters(), {.lr = 0.1});
  for (auto& [group, parameters] : freezer.unfreeze(-2, -3)) optimizer.add_group(std::move(parameters), {.lr = 0.01});
  CHECK(optimizer.num_groups() == 3);
}

TEST_CASE("get_layers and get_layer_groups return index, name and state") {
  auto model = blocks();
  hone::ModelFreezer freezer(model);
  freezer.freeze(0, 0);
  const auto groups = freezer.get_layer_groups();
  REQUIRE(groups.size() == 6);
  CHECK((groups[1].index == 1 && groups[1].index_from_end == -5 && groups[1].name == "1" && groups[1].module));
  CHECK((groups[0].num_parameters == 4 && groups[0].num_frozen == 2 && groups[0].is_frozen));
  CHECK_FALSE((groups[1].is_frozen || groups[2].is_frozen));

  const auto layers = freezer.get_layers();
  REQUIRE(layers.size() == 12);
  CHECK((layers[11].name == "5" && layers[11].index_from_end == -1 && layers[11].group == 5));
  CHECK((layers[0].name == "0.0" && layers[0].is_frozen && !layers[1].is_frozen && layers[3].name == "1.0"));
  CHECK_FALSE(layers[2].is_frozen);  // an activation in training mode
  layers[2].module->eval();
  CHECK(freezer.get_layers()[2].is_frozen);
}

TEST_CASE("direct parameters of containers are frozen with their group, and of the model with the first group") {
  nets::TokenNet model;
  hone::ModelFreezer freezer(model);
  CHECK(freezer.get_layers().size() == 4);
  freezer.freeze();
  CHECK(names_of(freezer.trainable_parameters()) == Names{"head.weight", "head.bias"});
  CHECK(names_of(freezer.unfreeze(0, 0).at(0)) ==
        Names{"token", "block.scale", "block.inner.weight", "block.inner.bias"});
}

TEST_CASE("a model without children is one group") {
  torch::nn::Linear model(2, 2);
  hone::ModelFreezer freezer(model);
  CHECK(freezer.get_layer_groups().size() == 1);
  freezer.freeze();  // no group precedes the last one
  CHECK((freezer.trainable_parameters().size() == 2 && model->is_training()));
  CHECK_THROWS_AS(freezer.freeze(0, -3), std::invalid_argument);
  freezer.freeze(0, 0, /*set_modules_as_eval=*/true);
  CHECK((freezer.trainable_parameters().empty() && !model->is_training()));
  CHECK(freezer.unfreeze().at(0).size() == 2);
  CHECK(model->is_training());
}

TEST_CASE("freeze completes a partially frozen layer, and unfreeze leaves it as it was before") {
  torch::nn::Sequential model(torch::nn::Linear(2, 2), torch::nn::Linear(2, 2));
  hone::ModelFreezer freezer(model);
  model->parameters()[0].set_requires_grad(false);
  CHECK_FALSE(freezer.get_layers()[0].is_frozen);
  CHECK(freezer.get_layers()[0].num_frozen == 1);
  CHECK(freezer.unfreeze().empty());
  freezer.freeze(0, 0);
  CHECK(freezer.get_layers()[0].is_frozen);
  CHECK(names_of(freezer.unfreeze().at(0)) == Names{"0.bias"});
  CHECK(freezer.get_layers()[0].num_frozen == 1);
}

TEST_CASE("a shared parameter is frozen with its first layer and unfrozen once") {
  torch::nn::Linear first(2, 2), last(2, 2);
  last->weight = last->register_parameter("tied", first->weight);
  torch::nn::Sequential model(first, last);
  hone::ModelFreezer freezer(model);
  freezer.freeze();
  CHECK(names_of(freezer.trainable_parameters()) == Names{"1.weight", "1.bias"});
  CHECK(names_of(freezer.unfreeze(-1, 0).at(0)) == Names{"0.weight", "0.bias"});
}

TEST_CASE("freeze sets evaluation mode only with set_modules_as_eval, and keeps other modes") {
  auto model = blocks();
  hone::ModelFreezer freezer(model);
  model[5]->eval();
  freezer.freeze(0, 1);
  CHECK(model[0]->is_training());
  CHECK(freezer.get_layer_groups()[0].is_frozen);
  freezer.freeze(0, 2, /*set_modules_as_eval=*/true);
  CHECK(freezer.get_layer_groups()[0].is_frozen);
  std::vector<bool> modes;
  for (const auto& layer : freezer.get_layers()) modes.push_back(layer.module->is_training());
  //                           linear norm  tanh | linear norm  tanh | dropout | linear | linear norm tanh | head
  CHECK(modes == std::vector<bool>{false, true, false, false, true, false, false, true, true, true, true, false});
  CHECK_FALSE(model[0]->is_training());
  CHECK(model->is_training());
}

TEST_CASE("unfreeze unfreezes the same weights with and without set_training") {
  const bool set_training = GENERATE(true, false);
  auto model = blocks();
  hone::ModelFreezer freezer(model);
  freezer.freeze(0, -1, /*set_modules_as_eval=*/true);
  CHECK(freezer.unfreeze(3, 3, set_training).at(3).size() == 2);
  CHECK(freezer.get_layers()[7].module->is_training() == set_training);
  model->train();
  freezer.hold_modes();
  CHECK(freezer.get_layers()[7].module->is_training() == set_training);
  CHECK_FALSE(freezer.get_layers()[0].module->is_training());
}

TEST_CASE("hold_modes sets the mode of a module that replaces another one with its name") {
  auto model = blocks();
  hone::ModelFreezer freezer(model);
  freezer.freeze(3, 3, /*set_modules_as_eval=*/true);
  model->replace_module("3", torch::nn::Linear(4, 4));
  freezer.hold_modes();
  CHECK_FALSE(model->named_children()["3"]->is_training());
}

TEST_CASE("hold_modes sets the mode of a module in two containers") {
  torch::nn::Dropout shared(0.5);
  Box first, second;
  first->register_module("shared", shared);
  second->register_module("shared", shared);
  torch::nn::Sequential model(first, second);
  hone::ModelFreezer freezer(model);
  freezer.freeze(0, 0, /*set_modules_as_eval=*/true);
  model->train();
  freezer.hold_modes();
  CHECK_FALSE(shared->is_training());
  CHECK(second->is_training());
}

TEST_CASE("copies of a freezer share their state") {
  auto model = blocks();
  hone::ModelFreezer freezer(model);
  const hone::ModelFreezer copy = freezer;
  freezer.freeze(3, 3, /*set_modules_as_eval=*/true);
  model->train();
  copy.hold_modes();
  CHECK_FALSE(model[3]->is_training());
}

TEST_CASE("training does not change frozen weights, nor statistics of batch norms frozen in evaluation mode") {
  const bool with_norms = GENERATE(true, false);
  auto model = blocks();
  hone::ModelFreezer freezer(model, {.freeze_batch_norms = with_norms});
  auto trainer =
      hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1, .weight_decay = 0.1}, freezer};
  trainer.train(dataset(), {.num_epochs = 1, .per_device_batch_size = 4, .seed = 1});  // in the optimizer, then frozen
  freezer.freeze(0, -2, /*set_modules_as_eval=*/true);
  const auto weights = copies(model->parameters()), buffers = copies(model->buffers());
  trainer.train(dataset(), dataset(), {.num_epochs = 3, .per_device_batch_size = 4, .seed = 1});

  const auto named = hone::named_parameters(model);
  for (std::size_t i = 0; i < named.size(); ++i) {
    const bool is_head = named[i].name.starts_with("5.");
    const bool is_of_norm = named[i].name.find(".1.") != std::string::npos;
    INFO(named[i].name);
    CHECK(torch::equal(named[i].value, weights[i]) == (!is_head && (with_norms || !is_of_norm)));
  }
  const auto after = model->buffers();
  for (std::size_t i = 0; i < after.size(); ++i) CHECK(torch::equal(after[i], buffers[i]) == with_norms);
}
