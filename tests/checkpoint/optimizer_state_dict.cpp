// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/optimizer_state_dict.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <cmath>

#include "files.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "support/catch.hpp"

using hone::Dict;
using hone::Value;

namespace {

constexpr int half = 5;

torch::Tensor ramp(std::int64_t count, double start) { return torch::arange(static_cast<double>(count)) / 8 + start; }

struct Parameters {
  torch::Tensor a = ramp(6, 0).view({2, 3}).to(torch::kFloat).requires_grad_();
  torch::Tensor b = ramp(3, 1).to(torch::kFloat).requires_grad_();
};

template <class Rule>
hone::FusedOptimizer<Rule> make(const Parameters& parameters, const Rule& first, const Rule& second) {
  hone::FusedOptimizer<Rule> optimizer({{"a", parameters.a}}, first);
  optimizer.add_group({{"b", parameters.b}}, second);
  return optimizer;
}

// Gradients that depend on the parameters and on the step number, as in the Python code below.
template <class Rule>
void advance(hone::FusedOptimizer<Rule>& optimizer, const Parameters& parameters, int from, int to) {
  for (int step = from; step < to; ++step) {
    for (const auto& parameter : {parameters.a, parameters.b}) {
      parameter.mutable_grad() = (parameter.detach() * 0.7 + step).cos();
    }
    optimizer.step();
  }
}

constexpr std::string_view python_code = R"(
a = (torch.arange(6.0) / 8).reshape(2, 3).requires_grad_()
b = (torch.arange(3.0) / 8 + 1).requires_grad_()
optimizer = torch.optim.{1}([dict(params=[a]), dict(params=[b], lr=0.02)], {2})
def advance(first, last):
    for step in range(first, last):
        for p in (a, b):
            p.grad = (p.detach() * 0.7 + step).cos()
        optimizer.step()
c = torch.load("{0}/ours.pt", weights_only=True)
groups = optimizer.state_dict()["param_groups"]
optimizer.load_state_dict(c["optimizer"])
for mine, theirs in zip(groups, c["optimizer"]["param_groups"]):
    assert set(theirs) - set(mine) == {{"initial_lr"}} and set(mine) <= set(theirs), (mine, theirs)
    assert all(mine[k] == theirs[k] for k in mine), (mine, theirs)
with torch.no_grad():
    a.copy_(c["a"]), b.copy_(c["b"])
advance(5, 10)
continued = dict(a=a.detach().clone(), b=b.detach().clone())
with torch.no_grad():
    a.copy_((torch.arange(6.0) / 8).reshape(2, 3)), b.copy_(torch.arange(3.0) / 8 + 1)
optimizer = torch.optim.{1}([dict(params=[a]), dict(params=[b], lr=0.02)], {2})
advance(0, 5)
torch.save(dict(continued=continued, a=a.detach(), b=b.detach(), optimizer=optimizer.state_dict()), "{0}/theirs.pt")
)";

double distance(const at::Tensor& a, const Value& b) { return (a - b.get<at::Tensor>()).abs().max().item<double>(); }

// Checks that half the steps in hone and half in Python, in either order, give the same parameters as all in hone.
template <class Rule>
void check_exchange(const std::string& name, const std::string& arguments, const Rule& first, Rule second) {
  second = first;
  second.lr = 0.02;
  const Parameters parameters;
  auto optimizer = make(parameters, first, second);
  advance(optimizer, parameters, 0, half);
  const files::Folder folder;
  hone::write_checkpoint(folder / "ours.pt", Dict{{"optimizer", hone::optimizer_state_dict(optimizer)},
                                                  {"a", parameters.a.detach()},
                                                  {"b", parameters.b.detach()}});
  advance(optimizer, parameters, half, 2 * half);

  const files::Python python(fmt::format(python_code, folder.path.string(), name, arguments));
  if (!python.available) {
    WARN("skipped: there is no Python with torch");
    return;
  }
  REQUIRE(python.output.empty());
  const auto theirs = hone::read_checkpoint(folder / "theirs.pt");
  CHECK(distance(parameters.a, theirs.at("continued").at("a")) < 1e-6);
  CHECK(distance(parameters.b, theirs.at("continued").at("b")) < 1e-6);

  const Parameters others;
  {
    const at::NoGradGuard no_grad;
    others.a.copy_(theirs.at("a").get<at::Tensor>());
    others.b.copy_(theirs.at("b").get<at::Tensor>());
  }
  auto taken = make(others, Rule{}, Rule{});
  hone::load_optimizer_state_dict(taken, theirs.at("optimizer"));
  CHECK(taken.lr(1) == 0.02);
  advance(taken, others, half, 2 * half);
  CHECK(distance(parameters.a, others.a.detach()) < 1e-6);
  CHECK(distance(parameters.b, others.b.detach()) < 1e-6);
}

std::string refusal(const Value& state) {
  const Parameters parameters;
  auto optimizer = make(parameters, hone::Adam{.lr = 0.5}, hone::Adam{});
  const auto text = files::message([&] { hone::load_optimizer_state_dict(optimizer, state); });
  CHECK(optimizer.lr() == 0.5);
  return text;
}

Dict adam_state() {
  const Parameters parameters;
  auto optimizer = make(parameters, hone::Adam{}, hone::Adam{});
  advance(optimizer, parameters, 0, 1);
  return hone::optimizer_state_dict(optimizer);
}

}  // namespace

TEST_CASE("the state of Sgd is interchangeable with PyTorch's SGD") {
  check_exchange("SGD", "lr=0.1", hone::Sgd{.lr = 0.1}, {});
  check_exchange("SGD", "lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01",
                 hone::Sgd{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true}, {});
  check_exchange("SGD", "lr=0.1, momentum=0.9, dampening=0.5, maximize=True",
                 hone::Sgd{.lr = 0.1, .momentum = 0.9, .dampening = 0.5, .maximize = true}, {});
}

TEST_CASE("the state of Adam is interchangeable with PyTorch's Adam") {
  check_exchange("Adam", "lr=0.1, betas=(0.8, 0.99), eps=1e-7, weight_decay=0.01",
                 hone::Adam{.lr = 0.1, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-7, .weight_decay = 0.01}, {});
}

TEST_CASE("the state of AdamW is interchangeable with PyTorch's AdamW") {
  check_exchange("AdamW", "lr=0.1, amsgrad=True", hone::AdamW{.lr = 0.1, .amsgrad = true}, {});
}

TEST_CASE("load_optimizer_state_dict loads a state that Python saved") {
  const auto file = hone::read_checkpoint(files::fixture("adamw.pt"));
  hone::NamedParameters parameters;
  const auto state = file.at("state").get<Dict>();
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto& moment = state.at(i).at("exp_avg").get<at::Tensor>();
    parameters.push_back({fmt::format("p{}", i), torch::zeros_like(moment).requires_grad_()});
  }
  hone::FusedOptimizer<hone::AdamW> optimizer(parameters);
  hone::load_optimizer_state_dict(optimizer, file);
  CHECK(optimizer.lr() == 0.01);
  CHECK(optimizer.groups()[0].settings.weight_decay == 0.1);
  CHECK(optimizer.groups()[0].settings.amsgrad);
  const auto taken = optimizer.state();
  for (std::size_t i = 0; i < 4; ++i) {
    // The gradient of parameter i is i + 1, and its moving average after one step is a tenth of it.
    CHECK(hone::detail::find_field(taken[i], "exp_avg")->mean().item<float>() ==
          Approx(0.1 * static_cast<double>(i + 1)));
    CHECK(hone::detail::find_field(taken[i], "step")->item<float>() == 1);
  }
}

TEST_CASE("load_optimizer_state_dict accepts parameters without state and states of old PyTorch versions") {
  const Parameters parameters;
  auto optimizer = make(parameters, hone::Adam{}, hone::Adam{});
  auto state = hone::optimizer_state_dict(optimizer);
  CHECK(state.get<Dict>("state").empty());
  hone::load_optimizer_state_dict(optimizer, state);
  // As in old versions of PyTorch: a step number that is not a tensor, and None for a field that is not used.
  state.set("state", Dict{{0, Dict{{"step", 3},
                                   {"exp_avg", torch::zeros({2, 3})},
                                   {"exp_avg_sq", torch::zeros({2, 3})},
                                   {"max_exp_avg_sq", hone::None()}}}});
  hone::load_optimizer_state_dict(optimizer, state);
  CHECK(hone::detail::find_field(optimizer.state()[0], "step")->item<float>() == 3);
  // A step number that is too large for a float is converted to infinity, as LibTorch does.
  state.set("state",
            Dict{{0, Dict{{"step", 1e300}, {"exp_avg", torch::zeros({2, 3})}, {"exp_avg_sq", torch::zeros({2, 3})}}}});
  hone::load_optimizer_state_dict(optimizer, state);
  CHECK(std::isinf(hone::detail::find_field(optimizer.state()[0], "step")->item<float>()));
}

TEST_CASE("load_optimizer_state_dict throws DataError that names the mismatch and changes nothing") {
  const std::string begin = "The optimizer state does not match the optimizer; nothing was loaded. ";
  const auto with = [](const std::string& field, const Value& value) {
    auto state = adam_state();
    auto groups = state.at("param_groups").get<hone::List>();
    groups[0].get<Dict>().set(field, value);
    state.set("param_groups", groups);
    return state;
  };
  CHECK(refusal(3) == "The value is the int 3, expected a dictionary.");
  CHECK(refusal(Dict{{"a", 1}}) == "The entry 'state' is missing; the entries are 'a'.");
  CHECK(refusal(Dict{{"state", Dict{}}, {"param_groups", hone::List{}}}) ==
        begin + "It has 0 parameter groups, the optimizer has 2. Make the same groups.");
  CHECK(refusal(with("lr", "fast")) == begin + "Group 0: The value is the string 'fast', expected a float.");
  CHECK(refusal(with("lr", -1)) == begin + "Group 0: Adam: lr is -1. Set it to a finite number, 0 or greater.");
  CHECK(refusal(with("lr", torch::full({}, c10::complex<double>(0, 1)))) ==
        begin + "Group 0: A setting is a tensor that is not one real number.");
  CHECK(refusal(with("betas", hone::List{0.9})) == begin + "Group 0: There are 1 betas, expected 2.");
  CHECK(refusal(with("amsgrad", 1)) == begin + "Group 0: The entry 'amsgrad' is the int 1, expected a bool.");
  CHECK(refusal(with("params", hone::List{0, 1})) ==
        begin + "Group 0: It has 2 parameters, the optimizer's group has 1.");
  CHECK(refusal(with("decoupled_weight_decay", true)) ==
        begin + "Group 0: The state was saved by AdamW. Use this rule.");
  auto state = adam_state();
  state.set("state",
            Dict{{0, Dict{{"step", 1}, {"exp_avg", torch::zeros({3})}, {"momentum_buffer", torch::zeros({1})}}}});
  const auto text = refusal(state);
  CHECK(files::contains(text, "'a' has 'exp_avg' of shape [3], expected [2, 3]"));
  CHECK(files::contains(text, "'a' has the field 'momentum_buffer', which this rule does not have"));
}

struct OfARuleWithoutState {
  using rule_type = hone::Sgd;
};
static_assert(!hone::RuleOptimizer<OfARuleWithoutState>);
