// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/adam.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "trajectory.hpp"

static_assert(std::is_aggregate_v<hone::Adam> && std::is_aggregate_v<hone::AdamW>);

namespace {

using trajectory::Case;

template <class Rule>
std::vector<Case<Rule>> cases() {
  return {
      {"plain", {Rule{.lr = 0.01}}},
      {"betas", {Rule{.lr = 0.02, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3}}},
      {"weight_decay", {Rule{.lr = 0.01, .weight_decay = 0.2}}},
      {"amsgrad", {Rule{.lr = 0.01, .amsgrad = true}}},
      {"maximize", {Rule{.lr = 0.01, .weight_decay = 0.1, .maximize = true}}},
      {"gaps", {Rule{.lr = 0.01, .amsgrad = true}}, true},
      {"late_lr", {Rule{.lr = 0.01}}, false, 0.001},
      {"two_groups",
       {Rule{.lr = 0.01}, Rule{.lr = 0.03, .beta1 = 0.7, .weight_decay = 0.1, .amsgrad = true}},
       true,
       0.002},
  };
}

template <class Options, class Rule>
Options torch_options(const Rule& s) {
  return Options(s.lr).betas({s.beta1, s.beta2}).eps(s.eps).weight_decay(s.weight_decay).amsgrad(s.amsgrad);
}

template <class Rule, class TorchRule, class Options>
void compare_with_torch() {
  for (const auto& test : cases<Rule>()) {
    const auto expected = trajectory::run_torch<TorchRule>(test, torch_options<Options, Rule>);
    INFO(test.name);
    CHECK(trajectory::distance(trajectory::run(test), expected) < 5e-6);
  }
}

template <class Rule>
void compare_with_python(const char* name) {
  const auto reference = trajectory::run_python(name, cases<Rule>());
  if (!reference.unavailable.empty()) {
    WARN("skipped: " << reference.unavailable);
    return;
  }
  for (const auto& test : cases<Rule>()) {
    INFO(test.name);
    REQUIRE(reference.parameters.at(test.name).size() == 3);
    CHECK(trajectory::distance(trajectory::run(test), reference.parameters.at(test.name)) < 5e-6);
  }
}

template <class Rule>
std::string message_of(const Rule& settings) {
  try {
    settings.check();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("Adam equals torch::optim::Adam to rounding over 100 steps") {
  compare_with_torch<hone::Adam, torch::optim::Adam, torch::optim::AdamOptions>();
}

TEST_CASE("AdamW equals torch::optim::AdamW to rounding over 100 steps") {
  compare_with_torch<hone::AdamW, torch::optim::AdamW, torch::optim::AdamWOptions>();
}

TEST_CASE("Adam equals PyTorch's Adam in Python to rounding over 100 steps") {
  compare_with_python<hone::Adam>("Adam");
}

TEST_CASE("AdamW equals PyTorch's AdamW in Python to rounding over 100 steps") {
  compare_with_python<hone::AdamW>("AdamW");
}

TEST_CASE("Adam's and AdamW's defaults are PyTorch's") {
  const torch::optim::AdamOptions adam;
  const torch::optim::AdamWOptions adamw;
  CHECK(hone::Adam{}.lr == adam.lr());
  CHECK(hone::Adam{}.beta1 == std::get<0>(adam.betas()));
  CHECK(hone::Adam{}.beta2 == std::get<1>(adam.betas()));
  CHECK(hone::Adam{}.eps == adam.eps());
  CHECK(hone::Adam{}.weight_decay == adam.weight_decay());
  CHECK(hone::AdamW{}.lr == adamw.lr());
  CHECK(hone::AdamW{}.weight_decay == adamw.weight_decay());
}

TEST_CASE("Adam names the setting that is out of range, its value and the remedy") {
  CHECK(message_of(hone::Adam{.lr = -1}) == "Adam: lr is -1. Set it to a finite number, 0 or greater.");
  CHECK(message_of(hone::Adam{.beta1 = 1}) == "Adam: beta1 is 1. Set it to at least 0 and less than 1.");
  CHECK(message_of(hone::AdamW{.beta2 = -0.5}) == "AdamW: beta2 is -0.5. Set it to at least 0 and less than 1.");
  CHECK(message_of(hone::AdamW{.eps = -1e-8}) == "AdamW: eps is -1e-08. Set it to a finite number, 0 or greater.");
  CHECK(message_of(hone::AdamW{.weight_decay = -1}) ==
        "AdamW: weight_decay is -1. Set it to a finite number, 0 or greater.");
  CHECK(message_of(hone::AdamW{}).empty());
}
