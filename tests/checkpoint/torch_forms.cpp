// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/torch_forms.hpp"

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "files.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/torch_optimizer_state.hpp"
#include "support/catch.hpp"

using hone::Dict;
namespace optim = torch::optim;

namespace {

// Loads a state of an older PyTorch into `optimizer` and compares a step with torch 2.11 (fixtures.py).
template <class Optimizer>
void check_old_state(const std::string& name, const at::Tensor& parameter, Optimizer& optimizer) {
  INFO(name);
  const auto file = hone::read_checkpoint(files::fixture("old_optimizers.pt"));
  const auto& of = file.at(name).template get<Dict>();
  {
    const at::NoGradGuard no_grad;
    parameter.copy_(of.at("before").template get<at::Tensor>());
  }
  hone::load_optimizer_state_dict(optimizer, of.at("state"));
  parameter.mutable_grad() = (parameter.detach() * 0.7 + 3).cos();
  optimizer.step();
  CHECK(torch::allclose(parameter.detach(), of.at("after").template get<at::Tensor>(), 1e-6, 1e-7));
}

// The settings of `options` differ from the defaults that a state without these settings implies.
template <class O, class Options>
void check_torch(const std::string& name, const Options& options) {
  const auto parameter = torch::zeros({3}, torch::requires_grad());
  hone::TorchOptimizer<O> optimizer(std::make_shared<O>(std::vector{parameter}, options));
  check_old_state(name, parameter, optimizer);
  const auto other = torch::zeros({3}, torch::requires_grad());
  hone::TorchOptimizer<optim::Optimizer> at_run_time(std::make_shared<O>(std::vector{other}, options));
  check_old_state(name, other, at_run_time);
}

template <class Rule>
void check_rule(const std::string& name, const Rule& rule) {
  const auto parameter = torch::zeros({3}, torch::requires_grad());
  hone::FusedOptimizer<Rule> optimizer({{"p", parameter}}, rule);
  check_old_state(name, parameter, optimizer);
}

}  // namespace

TEST_CASE("states of older versions of PyTorch are loaded as PyTorch loads them") {
  check_torch<optim::SGD>("SGD", optim::SGDOptions(1.0).momentum(0.5).nesterov(true));
  check_torch<optim::Adam>("Adam", optim::AdamOptions(1.0).amsgrad(true));
  check_torch<optim::AdamW>("AdamW", optim::AdamWOptions(1.0).amsgrad(true));
  check_torch<optim::RMSprop>("RMSprop", optim::RMSpropOptions(1.0).momentum(0.5).centered(true));
  check_torch<optim::Adagrad>("Adagrad", optim::AdagradOptions(1.0));
  check_rule("SGD", hone::Sgd{.lr = 1.0, .momentum = 0.5, .nesterov = true, .maximize = true});
  check_rule("Adam", hone::Adam{.lr = 1.0, .amsgrad = true, .maximize = true});
  check_rule("AdamW", hone::AdamW{.lr = 1.0, .amsgrad = true, .maximize = true});
}

TEST_CASE("a missing setting that PyTorch does not fill in throws DataError") {
  const auto without = [](const std::string& name, const std::string& key) {
    const auto file = hone::read_checkpoint(files::fixture("old_optimizers.pt"));
    Dict group;
    for (const auto& entry : file.at(name).at("state").at("param_groups").items()[0].get<Dict>()) {
      if (entry.key.get<std::string>() != key) group.set(entry.key, entry.value);
    }
    return Dict{{"state", file.at(name).at("state").at("state")}, {"param_groups", hone::List{group}}};
  };
  const auto parameter = torch::zeros({3}, torch::requires_grad());
  hone::TorchOptimizer<optim::SGD> sgd(std::make_shared<optim::SGD>(std::vector{parameter}, optim::SGDOptions(1.0)));
  CHECK(files::contains(files::message([&] { hone::load_optimizer_state_dict(sgd, without("SGD", "momentum")); }),
                        "The entry 'momentum' is missing"));
  hone::FusedOptimizer<hone::Adam> adam({{"p", parameter}}, hone::Adam{});
  CHECK(files::contains(files::message([&] { hone::load_optimizer_state_dict(adam, without("Adam", "eps")); }),
                        "The entry 'eps' is missing"));
}
