// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/torch_optimizer_state.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "files.hpp"
#include "hone/checkpoint/archive.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "support/catch.hpp"

using hone::Dict;
using hone::Value;
namespace optim = torch::optim;

namespace {

struct Own : optim::SGD {
  using SGD::SGD;
};
static_assert(hone::HasTorchForm<optim::SGD> && hone::HasTorchForm<optim::Adagrad>);
static_assert(!hone::HasTorchForm<Own>);
static_assert(!hone::Serializable<hone::TorchOptimizer<optim::SGD>>);

struct Remembers : optim::SGD {
  using SGD::SGD;
  double mood = 0.5;
  void serialize(auto& archive) { archive("mood", mood); }
};
static_assert(hone::Serializable<hone::TorchOptimizer<Remembers>>);

constexpr int half = 5;

struct Parameters {
  torch::Tensor a = (torch::arange(6.0) / 8).to(torch::kFloat).view({2, 3}).requires_grad_();
  torch::Tensor b = (torch::arange(3.0) / 8 + 1).to(torch::kFloat).requires_grad_();
};

template <class O, class Options>
hone::TorchOptimizer<O> make(const Parameters& parameters, Options options) {
  std::vector<optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector{parameters.a}, std::make_unique<Options>(options));
  options.lr(0.02);
  groups.emplace_back(std::vector{parameters.b}, std::make_unique<Options>(options));
  return hone::TorchOptimizer<O>(std::make_shared<O>(groups, options));
}

// Gradients that depend on the parameters and on the step number, as in the Python code below.
template <class O>
void advance(hone::TorchOptimizer<O>& optimizer, const Parameters& parameters, int from, int to) {
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

void assign(const at::Tensor& parameter, const at::Tensor& value) {
  const at::NoGradGuard no_grad;
  parameter.copy_(value);
}
double distance(const at::Tensor& a, const Value& b) {
  return (a.detach() - b.get<at::Tensor>()).abs().max().item<double>();
}

// Checks that half the steps in hone and half with another optimizer, or in Python, or the reverse, give the same
// parameters as all steps in hone.
template <class O, class Options>
void check_exchange(const std::string& name, const std::string& arguments, const Options& options, Options others) {
  const Parameters parameters, later, back;
  auto optimizer = make<O>(parameters, options);
  advance(optimizer, parameters, 0, half);
  const files::Folder folder;
  hone::write_checkpoint(folder / "ours.pt", Dict{{"optimizer", hone::optimizer_state_dict(optimizer)},
                                                  {"a", parameters.a.detach()},
                                                  {"b", parameters.b.detach()}});
  advance(optimizer, parameters, half, 2 * half);

  const auto ours = hone::read_checkpoint(folder / "ours.pt");
  auto resumed = make<O>(later, others);
  hone::load_optimizer_state_dict(resumed, ours.at("optimizer"));
  assign(later.a, ours.at("a").get<at::Tensor>());
  assign(later.b, ours.at("b").get<at::Tensor>());
  advance(resumed, later, half, 2 * half);
  CHECK(torch::equal(later.a, parameters.a));
  CHECK(torch::equal(later.b, parameters.b));
  CHECK(resumed.lr(0) == 0.1);
  CHECK(resumed.lr(1) == 0.02);
  CHECK(resumed.base_lr(0) == 0.1);

  const files::Python python(fmt::format(python_code, folder.path.string(), name, arguments));
  if (!python.available) {
    WARN("skipped: there is no Python with torch");
    return;
  }
  REQUIRE(python.output.empty());
  const auto theirs = hone::read_checkpoint(folder / "theirs.pt");
  CHECK(distance(parameters.a, theirs.at("continued").at("a")) < 1e-6);
  CHECK(distance(parameters.b, theirs.at("continued").at("b")) < 1e-6);
  auto taken = make<O>(back, others);
  hone::load_optimizer_state_dict(taken, theirs.at("optimizer"));
  assign(back.a, theirs.at("a").get<at::Tensor>());
  assign(back.b, theirs.at("b").get<at::Tensor>());
  advance(taken, back, half, 2 * half);
  CHECK(distance(parameters.a, back.a.detach()) < 1e-6);
  CHECK(distance(parameters.b, back.b.detach()) < 1e-6);
}

template <class O, class Options>
std::string refusal(const Options& options, const Value& state) {
  const Parameters parameters;
  auto optimizer = make<O>(parameters, options);
  advance(optimizer, parameters, 0, 1);
  const Value before = hone::cloned(hone::optimizer_state_dict(optimizer));
  const auto text = files::message([&] { hone::load_optimizer_state_dict(optimizer, state); });
  const files::Folder folder;
  hone::write_checkpoint(folder / "before.pt", before.get<Dict>());
  hone::write_checkpoint(folder / "after.pt", hone::optimizer_state_dict(optimizer));
  CHECK(files::read(folder / "before.pt") == files::read(folder / "after.pt"));
  return text;
}

template <class O, class Options>
Dict state_of(const Options& options) {
  const Parameters parameters;
  auto optimizer = make<O>(parameters, options);
  advance(optimizer, parameters, 0, 1);
  return hone::optimizer_state_dict(optimizer);
}

}  // namespace

TEST_CASE("the state of torch::optim::SGD is restored bit-identically and is interchangeable with Python") {
  check_exchange<optim::SGD>("SGD", "lr=0.1", optim::SGDOptions(0.1), optim::SGDOptions(1.0));
  check_exchange<optim::SGD>("SGD", "lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01",
                             optim::SGDOptions(0.1).momentum(0.9).nesterov(true).weight_decay(0.01),
                             optim::SGDOptions(1.0));
}

TEST_CASE("the states of torch::optim::Adam and AdamW are restored bit-identically and interchangeable with Python") {
  check_exchange<optim::Adam>("Adam", "lr=0.1, betas=(0.8, 0.99), eps=1e-7, amsgrad=True",
                              optim::AdamOptions(0.1).betas({0.8, 0.99}).eps(1e-7).amsgrad(true),
                              optim::AdamOptions(1.0));
  check_exchange<optim::AdamW>("AdamW", "lr=0.1, weight_decay=0.1", optim::AdamWOptions(0.1).weight_decay(0.1),
                               optim::AdamWOptions(1.0));
}

TEST_CASE("the state of torch::optim::RMSprop is restored bit-identically and is interchangeable with Python") {
  check_exchange<optim::RMSprop>("RMSprop", "lr=0.1, alpha=0.9, momentum=0.5, centered=True",
                                 optim::RMSpropOptions(0.1).alpha(0.9).momentum(0.5).centered(true),
                                 optim::RMSpropOptions(1.0));
}

TEST_CASE("the state of torch::optim::Adagrad is restored bit-identically and is interchangeable with Python") {
  check_exchange<optim::Adagrad>("Adagrad", "lr=0.1, lr_decay=0.1, initial_accumulator_value=0.2",
                                 optim::AdagradOptions(0.1).lr_decay(0.1).initial_accumulator_value(0.2),
                                 optim::AdagradOptions(1.0));
}

TEST_CASE("loading the state of a torch::optim optimizer that made no step clears the state") {
  const Parameters parameters;
  auto optimizer = make<optim::Adam>(parameters, optim::AdamOptions(0.1));
  const auto fresh = hone::optimizer_state_dict(optimizer);
  CHECK(fresh.get<Dict>("state").empty());
  advance(optimizer, parameters, 0, 2);
  CHECK(optimizer.torch_optimizer().state().size() == 2);
  hone::load_optimizer_state_dict(optimizer, fresh);
  CHECK(optimizer.torch_optimizer().state().empty());
}

TEST_CASE("loading a state into a torch::optim optimizer throws DataError for a mismatch and changes nothing") {
  const std::string begin = "The optimizer state does not match the optimizer; nothing was loaded. ";
  const optim::AdamOptions adam(0.5);
  const auto with = [&](const std::string& field, const Value& value) {
    auto state = state_of<optim::Adam>(adam);
    auto groups = state.at("param_groups").get<hone::List>();
    groups[1].get<Dict>().set(field, value);
    state.set("param_groups", groups);
    return refusal<optim::Adam>(adam, state);
  };
  CHECK(with("lr", -1) == begin + "Group 1: Invalid learning rate: -1. Load another file.");
  CHECK(with("lr", "fast") == begin + "Group 1: The value is the string 'fast', expected a float.");
  CHECK(with("betas", hone::List{0.9}) == begin + "Group 1: There are 1 betas, expected 2.");
  CHECK(files::contains(with("maximize", true), "maximize = True"));
  CHECK(with("decoupled_weight_decay", true) == begin + "Group 1: The state was saved by AdamW. Use this optimizer.");
  CHECK(with("amsgrad", true) == begin + "Group 1: Parameter 0: It has no 'max_exp_avg_sq'.");
  CHECK(with("params", hone::List{1, 2}) == begin + "Group 1: It has 2 parameters, the optimizer's group has 1.");

  const auto field = [&](const Dict& fields) {
    auto state = state_of<optim::Adam>(adam);
    auto entries = state.get<Dict>("state");
    entries.set(1, fields);
    state.set("state", entries);
    return refusal<optim::Adam>(adam, state);
  };
  CHECK(field({{"step", 1}, {"exp_avg", torch::zeros({4})}}) ==
        begin + "Group 1: Parameter 0: 'exp_avg': This is a tensor of shape [4], expected a tensor of shape [3].");
  CHECK(field({{"step", 0.5}}) == begin + "Group 1: Parameter 0: 'step': 0.5 is not a number of steps.");
  CHECK(field({{"step", 1}}) == begin + "Group 1: Parameter 0: It has no 'exp_avg' and no 'exp_avg_sq'.");
  CHECK(field({{"momentum_buffer", torch::zeros({3})}}) ==
        begin + "Group 1: Parameter 0: It has the field 'momentum_buffer', which Adam does not have.");

  auto adagrad = state_of<optim::Adagrad>(optim::AdagradOptions(0.1));
  adagrad.set("state", Dict{});
  CHECK(refusal<optim::Adagrad>(optim::AdagradOptions(0.1), adagrad) ==
        begin + "Group 0: Parameter 0: It has no 'step' and no 'sum'.");
}

TEST_CASE("a custom torch::optim optimizer is saved by its serialize, with its learning rates") {
  const Parameters parameters;
  auto optimizer = make<Remembers>(parameters, optim::SGDOptions(0.1));
  optimizer.torch_optimizer().mood = 2.0;
  const auto state = hone::state_of(optimizer);
  optimizer.torch_optimizer().mood = 0.0;
  optimizer.set_lr(7.0);
  hone::load_state_of(optimizer, state);
  CHECK(optimizer.torch_optimizer().mood == 2.0);
  CHECK(optimizer.lr(1) == 0.02);
}

TEST_CASE("a torch::optim::Optimizer has the state of its dynamic type") {
  const Parameters parameters, other;
  auto typed = make<optim::Adam>(parameters, optim::AdamOptions(0.1));
  const auto make_at_run_time = [](const Parameters& of) {
    const std::shared_ptr<optim::Optimizer> adam =
        std::make_shared<optim::Adam>(std::vector{of.a, of.b}, optim::AdamOptions(0.1));
    return hone::TorchOptimizer<optim::Optimizer>(adam);
  };
  auto optimizer = make_at_run_time(parameters);
  advance(optimizer, parameters, 0, half);
  const Value state = hone::cloned(hone::optimizer_state_dict(optimizer));
  CHECK(state.get<Dict>().get<Dict>("state").size() == 2);
  const std::vector middle{parameters.a.detach().clone(), parameters.b.detach().clone()};
  advance(optimizer, parameters, half, 2 * half);

  auto resumed = make_at_run_time(other);
  hone::load_optimizer_state_dict(resumed, state);
  assign(other.a, middle[0]);
  assign(other.b, middle[1]);
  advance(resumed, other, half, 2 * half);
  CHECK(torch::equal(other.a, parameters.a));
  CHECK(torch::equal(other.b, parameters.b));
}

TEST_CASE("optimizer_state_dict throws std::invalid_argument for an unknown dynamic type") {
  const Parameters parameters;
  hone::TorchOptimizer<optim::Optimizer> optimizer(
      std::make_shared<Own>(std::vector{parameters.a}, optim::SGDOptions(0.1)));
  const auto text = files::message<std::invalid_argument>([&] { (void)hone::optimizer_state_dict(optimizer); });
  CHECK(files::contains(text, "::Own, whose state hone cannot save"));
}
