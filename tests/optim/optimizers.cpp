// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/optimizers.hpp"

#include <torch/torch.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using hone::NamedParameter;
using hone::optimizer_for;

template <class... For>
auto bound(const tiny::Net& model, For... given) {
  return hone::bind(hone::Optimizers{std::move(given)...}, hone::named_parameters(model));
}
template <class... For>
std::string refusal(const tiny::Net& model, For... given) {
  return tiny::message_of<std::invalid_argument>([&] { bound(model, std::move(given)...); });
}
std::string names(const auto& optimizer) {
  std::string text;
  for (const auto& name : optimizer.names()) text += name + " ";
  return text;
}

const auto is_matrix = [](const NamedParameter& parameter) { return parameter.value.dim() == 2; };

}  // namespace

TEST_CASE("optimizer_for selects parameters by prefix, module, predicate or as other_parameters") {
  tiny::Net model;
  auto prefix = bound(model, optimizer_for<"second">(hone::AdamW{.lr = 1.0}), optimizer_for<"first">(hone::Sgd{}));
  CHECK(names(prefix.get<"first">()) == "first.weight first.bias ");
  CHECK(names(prefix.get<"second">()) == "second.weight second.bias ");
  CHECK(prefix.lr() == 1.0);  // in the order of the arguments

  auto module =
      bound(model, optimizer_for<"a">(hone::Sgd{}, model->second), optimizer_for<"b">(hone::Sgd{}, *model->first));
  CHECK(names(module.get<"a">()) == "second.weight second.bias ");

  auto condition = bound(model, optimizer_for<"others">(hone::AdamW{}, hone::other_parameters),
                         optimizer_for<"matrices">(hone::Sgd{}, is_matrix));
  CHECK(names(condition.get<"matrices">()) == "first.weight second.weight ");
  CHECK(names(condition.get<"others">()) == "first.bias second.bias ");

  auto one = bound(model, optimizer_for<"first.weight">(hone::Sgd{}),
                   optimizer_for<"rest">(hone::Sgd{}, hone::other_parameters));
  CHECK(names(one.get<"first.weight">()) == "first.weight ");
}

TEST_CASE("optimizer_for of a constructed optimizer keeps the optimizer's parameters") {
  tiny::Net model;
  auto both = bound(
      model, optimizer_for<"a">(hone::FusedOptimizer<hone::Sgd>(hone::named_parameters(*model->second, "second."))),
      optimizer_for<"b">(torch::optim::RMSprop(std::vector{model->first->bias})),
      optimizer_for<"c">(hone::AdamW{}, hone::other_parameters));
  CHECK(names(both.get<"a">()) == "second.weight second.bias ");
  CHECK(names(both.get<"c">()) == "first.weight ");
  CHECK(both.parameters().size() == 4);
}

TEST_CASE("bind throws std::invalid_argument unless each trainable parameter has exactly one optimizer") {
  tiny::Net model;
  CHECK(refusal(model, optimizer_for<"first">(hone::Sgd{})) ==
        "No optimizer has 'second.weight', 'second.bias'. Add one, as in optimizer_for<\"others\">(hone::AdamW{}, "
        "hone::other_parameters), or freeze them with set_requires_grad(false).");
  CHECK(refusal(model, optimizer_for<"first">(hone::Sgd{}), optimizer_for<"second">(hone::Sgd{}),
                optimizer_for<"matrices">(hone::Sgd{}, is_matrix)) ==
        "The parameter 'first.weight' belongs to two optimizers, 'first' and 'matrices'. Select it for one of them "
        "only.");
  CHECK(
      refusal(model, optimizer_for<"first">(hone::FusedOptimizer<hone::Sgd>(hone::named_parameters(model))),
              optimizer_for<"second">(hone::Sgd{})) ==
      "The parameter 'second.weight' belongs to two optimizers, 'second' and 'first'. Select it for one of them only.");
  CHECK(
      refusal(model, optimizer_for<"sec">(hone::Sgd{}), optimizer_for<"others">(hone::Sgd{}, hone::other_parameters)) ==
      "The optimizer 'sec' has no parameters: it selects none of the parameters that require a gradient "
      "('first.weight', 'first.bias', 'second.weight', 'second.bias'). Name it after a submodule of the model, or "
      "select parameters in the second argument of optimizer_for.");
  for (auto& parameter : model->second->parameters()) parameter.set_requires_grad(false);
  CHECK(refusal(model, optimizer_for<"first">(hone::Sgd{})).empty());  // frozen parameters need no optimizer
  CHECK(tiny::contains(refusal(model, optimizer_for<"first">(hone::Sgd{}), optimizer_for<"second">(hone::Sgd{})),
                       "The optimizer 'second' has no parameters"));
  CHECK(tiny::contains(refusal(model, optimizer_for<"first">(hone::Sgd{.lr = -1.0})), "Sgd: lr is -1"));
  for (auto& parameter : model->first->parameters()) parameter.set_requires_grad(false);
  CHECK(bound(model, optimizer_for<"first">(hone::Sgd{})).parameters().empty());  // a trainer that only evaluates
}
