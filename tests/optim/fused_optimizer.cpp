// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/fused_optimizer.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "support/catch.hpp"
#include "trajectory.hpp"

namespace {

using hone::Adam;
using hone::AdamW;
using hone::FusedOptimizer;
using hone::Sgd;
using torch::Tensor;
using trajectory::Case;

static_assert(!std::is_copy_constructible_v<FusedOptimizer<Sgd>> &&
              std::is_nothrow_move_constructible_v<FusedOptimizer<Sgd>>);

template <class Error = std::invalid_argument, class F>
std::string message_of(F call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

Tensor leaf(float value = 1.0F, std::int64_t size = 2) { return torch::full({size}, value).set_requires_grad(true); }

hone::OptimizerState cloned(hone::OptimizerState state) {
  for (auto& entry : state) {
    for (auto& field : entry.fields) field.second = field.second.clone();
  }
  return state;
}

// Compares 100 steps with 100 steps whose optimizer is replaced halfway by a new one with the saved state.
template <class Rule>
void interrupt(const Case<Rule>& test) {
  INFO(test.name);
  const auto expected = trajectory::run(test);
  auto tensors = trajectory::parameters();
  hone::OptimizerState saved;
  {
    auto optimizer = trajectory::make(test, tensors);
    trajectory::advance(optimizer, tensors, test, 0, trajectory::num_steps / 2);
    saved = cloned(optimizer.state());
    trajectory::advance(optimizer, tensors, test, 50, 51);  // must not change the saved state
  }
  auto again = trajectory::parameters();
  auto optimizer = trajectory::make(test, again);
  trajectory::advance(optimizer, again, test, 0, 50);
  auto fresh = trajectory::make(test, again);
  fresh.load_state(saved);
  trajectory::advance(fresh, again, test, 50, trajectory::num_steps);
  CHECK(trajectory::equal(again, expected));
}

}  // namespace

TEST_CASE("a run continued from a saved state is bit-identical to an uninterrupted run") {
  interrupt<Sgd>({"sgd", {{.lr = 0.1, .momentum = 0.9, .dampening = 0.2}}, true});
  interrupt<Sgd>({"sgd two groups", {{.lr = 0.1}, {.lr = 0.2, .momentum = 0.5, .nesterov = true}}, true, 0.01});
  interrupt<Adam>({"adam", {{.lr = 0.01, .amsgrad = true}}});
  interrupt<Adam>({"adam with gaps", {{.lr = 0.01}}, true});
  interrupt<AdamW>({"adamw two groups", {{.lr = 0.01}, {.lr = 0.02, .weight_decay = 0.1}}, true});
}

TEST_CASE("state has PyTorch's names in PyTorch's order, and no fields for a parameter that was never updated") {
  const Tensor a = leaf(), b = leaf();
  FusedOptimizer<Adam> adam({{"a", a}, {"b", b}}, {.amsgrad = true});
  a.mutable_grad() = torch::ones({2});
  adam.step();
  adam.step();
  const auto state = adam.state();
  REQUIRE(state.size() == 2);
  CHECK(state[0].parameter == "a");
  std::vector<std::string> fields;
  for (const auto& field : state[0].fields) fields.push_back(field.first);
  CHECK(fields == std::vector<std::string>{"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"});
  CHECK(state[0].fields[0].second.item<float>() == 2.0F);
  CHECK(state[0].fields[0].second.dim() == 0);
  CHECK(state[1].parameter == "b");
  CHECK(state[1].fields.empty());

  FusedOptimizer<Sgd> sgd({{"a", a}}, {.momentum = 0.5});
  sgd.step();
  sgd.step();
  CHECK(sgd.state()[0].fields[0].first == "momentum_buffer");
  CHECK(torch::equal(sgd.state()[0].fields[0].second, torch::full({2}, 1.5F)));
}

TEST_CASE("step counters in a state are independent of each other and of the optimizer") {
  const Tensor a = leaf(), b = leaf();
  FusedOptimizer<Adam> adam({{"a", a}, {"b", b}});
  a.mutable_grad() = torch::ones({2});
  b.mutable_grad() = torch::ones({2});
  adam.step();
  const auto state = adam.state();
  state[0].fields[0].second.add_(10);
  CHECK(state[1].fields[0].second.item<float>() == 1.0F);
  CHECK(adam.state()[0].fields[0].second.item<float>() == 1.0F);
}

TEST_CASE("load_state throws DataError for a mismatch and changes nothing") {
  const Tensor a = leaf(), b = leaf();
  FusedOptimizer<Sgd> optimizer({{"a", a}, {"b", b}}, {.momentum = 0.9});
  a.mutable_grad() = b.mutable_grad() = torch::ones({2});
  optimizer.step();
  const auto before = cloned(optimizer.state());
  REQUIRE_THROWS_AS(optimizer.load_state({{"a", {{"momentum_buffer", torch::zeros({2})}}}, {"c", {}}}),
                    hone::DataError);
  CHECK(torch::equal(optimizer.state()[0].fields[0].second, before[0].fields[0].second));
}

TEST_CASE("load_state converts to the parameter's type and copies") {
  const Tensor a = leaf();
  FusedOptimizer<Sgd> optimizer({{"a", a}}, {.momentum = 0.9});
  const auto buffer = torch::full({2}, 2.0, torch::kFloat64);
  optimizer.load_state({{"a", {{"momentum_buffer", buffer}}}});
  buffer.zero_();
  const auto loaded = optimizer.state()[0].fields[0].second;
  CHECK(loaded.scalar_type() == torch::kFloat32);
  CHECK(torch::equal(loaded, torch::full({2}, 2.0F)));
}

TEST_CASE("momentum that is enabled later starts as in a first step") {
  const Tensor a = leaf(0.0F), b = leaf(0.0F);
  FusedOptimizer<Sgd> optimizer({{"a", a}}, {.lr = 1.0});
  torch::optim::SGD expected({b}, torch::optim::SGDOptions(1.0));
  for (int step = 0; step < 6; ++step) {
    if (step == 2) {
      optimizer.groups()[0].settings.momentum = 0.5;
      optimizer.groups()[0].settings.dampening = 0.25;
      static_cast<torch::optim::SGDOptions&>(expected.param_groups()[0].options()).momentum(0.5).dampening(0.25);
    }
    a.mutable_grad() = torch::full({2}, 1.0F + static_cast<float>(step));
    b.mutable_grad() = a.grad().clone();
    optimizer.step();
    expected.step();
  }
  CHECK(torch::equal(a, b));
}

TEST_CASE("lr and set_lr work for one group and for all groups, and base_lr keeps the first value") {
  FusedOptimizer<Sgd> optimizer({{"a", leaf()}}, {.lr = 0.1});
  optimizer.add_group({{"b", leaf()}}, {.lr = 0.2, .momentum = 0.9});
  CHECK(optimizer.num_groups() == 2);
  CHECK(optimizer.groups()[1].settings.momentum == 0.9);
  optimizer.set_lr(1, 0.5);
  CHECK(optimizer.lr(0) == 0.1);
  CHECK(optimizer.lr(1) == 0.5);
  CHECK(optimizer.base_lr(1) == 0.2);
  optimizer.set_lr(0.3);
  CHECK(optimizer.lr(0) == 0.3);
  CHECK(optimizer.groups()[1].base_lr() == 0.2);
  optimizer.set_base_lr(1, 0.4);
  CHECK(optimizer.base_lr(0) == 0.1);
  CHECK(optimizer.base_lr(1) == 0.4);
  CHECK(optimizer.lr(1) == 0.3);
  CHECK_THROWS_AS(optimizer.set_base_lr(2, 0.1), std::out_of_range);
}

TEST_CASE("collect_gradients returns the gradients that step uses, and zero_grad clears them") {
  const Tensor a = leaf(1.0F), b = leaf(1.0F), c = leaf(1.0F);
  FusedOptimizer<Sgd> optimizer({{"a", a}, {"b", b}, {"c", c}}, {.lr = 1.0});
  a.mutable_grad() = torch::ones({2});
  c.mutable_grad() = torch::ones({2});
  const auto gradients = optimizer.collect_gradients();
  REQUIRE(gradients.size() == 2);
  CHECK(gradients[1].is_same(c.grad()));
  for (const auto& gradient : gradients) gradient.mul_(0.5);
  optimizer.step();
  CHECK(torch::equal(a, torch::full({2}, 0.5F)));
  CHECK(torch::equal(b, torch::ones({2})));
  CHECK(torch::equal(c, torch::full({2}, 0.5F)));
  CHECK(optimizer.num_updates() == 1);
  optimizer.zero_grad();
  CHECK_FALSE(a.grad().defined());
  CHECK(optimizer.gradients().empty());
  optimizer.step();  // no gradients
  CHECK(torch::equal(a, torch::full({2}, 0.5F)));
}

TEST_CASE("the list of gradients is not reallocated between steps") {
  const Tensor a = leaf(), b = leaf();
  FusedOptimizer<Adam> optimizer({{"a", a}, {"b", b}});
  const void* place = nullptr;
  for (int step = 0; step < 5; ++step) {
    a.mutable_grad() = torch::ones({2});
    if (step % 2 == 0) b.mutable_grad() = torch::ones({2});
    const void* now = optimizer.collect_gradients().data();
    CHECK((place == nullptr || now == place));
    place = now;
    optimizer.step();
    optimizer.zero_grad();
  }
}

TEST_CASE("step increments the version of a parameter, so that backward of an older graph throws") {
  const Tensor a = leaf();
  FusedOptimizer<Sgd> optimizer({{"a", a}}, {.lr = 1.0});
  const Tensor y = (a * a).sum();  // backward needs the current value of a
  a.mutable_grad() = torch::ones({2});
  const auto before = a._version();
  optimizer.step();
  CHECK(a._version() > before);
  REQUIRE_THROWS_AS(y.backward(), c10::Error);
  CHECK(a.requires_grad());
  CHECK(a.is_leaf());
}

TEST_CASE("a gradient with strides that differ from its parameter's gives the same step") {
  const Tensor a = torch::zeros({2, 3}).set_requires_grad(true);
  FusedOptimizer<Sgd> optimizer({{"a", a}}, {.lr = 1.0});
  const Tensor values = torch::arange(6.0F).reshape({2, 3});
  a.mutable_grad() = values.t().contiguous().t();
  optimizer.step();
  CHECK(torch::equal(a, -values));
}

TEST_CASE("a channels-last parameter is updated as a contiguous one") {
  const Tensor a = torch::randn({2, 3, 4, 4}).contiguous(torch::MemoryFormat::ChannelsLast).set_requires_grad(true);
  const Tensor b = a.detach().contiguous().set_requires_grad(true);
  FusedOptimizer<Adam> mine({{"a", a}}), plain({{"b", b}});
  for (int step = 0; step < 3; ++step) {
    const Tensor gradient = torch::randn({2, 3, 4, 4});
    a.mutable_grad() = gradient.contiguous(torch::MemoryFormat::ChannelsLast);
    b.mutable_grad() = gradient;
    mine.step();
    plain.step();
  }
  CHECK(torch::allclose(a, b, 1e-6, 1e-7));
}

TEST_CASE("a step with found_inf set changes nothing, also before the first update") {
  const Tensor clean = torch::zeros({}), overflow = torch::ones({}), scale = torch::full({}, 8.0F);
  const auto run = [&](auto rule, bool with_overflows) {
    const Tensor a = leaf(1.0F), b = leaf(2.0F);
    FusedOptimizer<decltype(rule)> optimizer({{"a", a}, {"b", b}}, rule);
    for (int step = 0; step < 6; ++step) {
      if (with_overflows && step % 3 == 0) {
        a.mutable_grad() = b.mutable_grad() = torch::full({2}, std::numeric_limits<float>::infinity());
        optimizer.step({.grad_scale = scale, .found_inf = overflow});
      }
      a.mutable_grad() = torch::full({2}, 8.0F * static_cast<float>(step + 1));
      b.mutable_grad() = step == 0 ? Tensor() : torch::full({2}, 4.0F);
      optimizer.step({.grad_scale = scale, .found_inf = clean});
    }
    return torch::cat({a, b}).detach();
  };
  CHECK(torch::equal(run(Sgd{.lr = 0.1, .momentum = 0.9, .dampening = 0.5}, true),
                     run(Sgd{.lr = 0.1, .momentum = 0.9, .dampening = 0.5}, false)));
  CHECK(torch::equal(run(Adam{.lr = 0.1}, true), run(Adam{.lr = 0.1}, false)));
  const Tensor a = leaf(1.0F);
  FusedOptimizer<Sgd> optimizer({{"a", a}}, {.lr = 0.5});
  a.mutable_grad() = torch::full({2}, 8.0F);
  optimizer.step({.grad_scale = scale, .found_inf = {}});
  CHECK(torch::equal(a, torch::full({2}, 0.5F)));
}

TEST_CASE("add_group throws std::invalid_argument that names an invalid parameter, and changes nothing") {
  const Tensor a = leaf();
  FusedOptimizer<Sgd> optimizer({{"a", a}});
  const auto refused = [&](hone::NamedParameters added, Sgd settings = {}) {
    const auto message = message_of([&] { optimizer.add_group(std::move(added), settings); });
    CHECK(optimizer.num_groups() == 1);
    CHECK(optimizer.names().size() == 1);
    return message;
  };
  CHECK(refused({{"b", a}}) ==
        "The parameter 'b' is passed to the optimizer twice. Put each parameter into one group only.");
  CHECK(refused({{"a", leaf()}}) ==
        "The parameter 'a' has the name of another parameter. Give the names of each submodule a prefix: "
        "named_parameters(model->head, \"head.\").");
  CHECK(refused({{"b", leaf()}, {"c", a * 2}}) == "The parameter 'c' is not a leaf tensor. Pass leaf tensors only.");
  CHECK(refused({{"b", torch::ones({2}, torch::kInt64)}}) ==
        "The parameter 'b' does not have a real floating point type. Remove it.");
  CHECK(refused({{"b", torch::ones({4, 4}).narrow(1, 0, 2)}}) ==
        "The parameter 'b' is not dense in memory. Make it contiguous before you construct the optimizer.");
  CHECK(refused({{"b", Tensor()}}) == "The parameter 'b' is an undefined tensor. Remove it.");
  CHECK(
      refused({}) ==
      "The optimizer got an empty parameter list. Pass a model with at least one parameter that requires a gradient.");
  CHECK(refused({{"b", leaf()}}, {.lr = -1}) == "Sgd: lr is -1. Set it to a finite number, 0 or greater.");
}

TEST_CASE("step throws DataError for a sparse gradient before it changes any parameter") {
  torch::nn::Embedding embedding(torch::nn::EmbeddingOptions(4, 2).sparse(true));
  const Tensor a = leaf(1.0F);
  FusedOptimizer<Sgd> optimizer({{"a", a}, {"embedding", embedding->weight}}, {.lr = 1.0});
  (embedding(torch::tensor({1})).sum() + a.sum()).backward();
  const auto message = message_of<hone::DataError>([&] { optimizer.step(); });
  CHECK(message.starts_with("The gradient of 'embedding' is sparse"));
  CHECK(torch::equal(a, torch::ones({2})));
  CHECK(optimizer.num_updates() == 0);
}
