// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/sgd.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "trajectory.hpp"

static_assert(std::is_aggregate_v<hone::Sgd> && std::is_trivially_copyable_v<hone::Sgd>);

namespace {

using hone::Sgd;
using trajectory::Case;

std::vector<Case<Sgd>> cases() {
  return {
      {"plain", {{.lr = 0.1}}},
      {"momentum", {{.lr = 0.1, .momentum = 0.9}}},
      {"dampening", {{.lr = 0.1, .momentum = 0.9, .dampening = 0.3}}},
      {"nesterov", {{.lr = 0.1, .momentum = 0.8, .nesterov = true}}},
      {"weight_decay", {{.lr = 0.1, .momentum = 0.5, .weight_decay = 0.1}}},
      {"maximize", {{.lr = 0.01, .momentum = 0.9, .weight_decay = 0.01, .maximize = true}}},
      {"gaps", {{.lr = 0.1, .momentum = 0.9, .dampening = 0.5}}, true},
      {"late_lr", {{.lr = 0.1, .momentum = 0.9}}, false, 0.01},
      {"two_groups", {{.lr = 0.1}, {.lr = 0.05, .momentum = 0.9, .weight_decay = 0.2, .nesterov = true}}, true, 0.02},
  };
}

std::string message_of(const Sgd& settings) {
  try {
    settings.check();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("Sgd equals torch::optim::SGD to rounding over 100 steps") {
  for (const auto& test : cases()) {
    const auto expected = trajectory::run_torch<torch::optim::SGD>(test, [](const Sgd& s) {
      return torch::optim::SGDOptions(s.lr)
          .momentum(s.momentum)
          .dampening(s.dampening)
          .weight_decay(s.weight_decay)
          .nesterov(s.nesterov);
    });
    INFO(test.name);
    CHECK(trajectory::distance(trajectory::run(test), expected) < 2e-6);
  }
}

TEST_CASE("Sgd equals PyTorch's SGD in Python to rounding over 100 steps") {
  const auto reference = trajectory::run_python("Sgd", cases());
  if (!reference.unavailable.empty()) {
    WARN("skipped: " << reference.unavailable);
    return;
  }
  for (const auto& test : cases()) {
    INFO(test.name);
    REQUIRE(reference.parameters.at(test.name).size() == 3);
    CHECK(trajectory::distance(trajectory::run(test), reference.parameters.at(test.name)) < 2e-6);
  }
}

TEST_CASE("Sgd's defaults are PyTorch's") {
  const torch::optim::SGDOptions defaults(1e-3);
  const Sgd settings;
  CHECK(settings.lr == 1e-3);
  CHECK(settings.momentum == defaults.momentum());
  CHECK(settings.dampening == defaults.dampening());
  CHECK(settings.weight_decay == defaults.weight_decay());
  CHECK(settings.nesterov == defaults.nesterov());
  CHECK(message_of(settings).empty());
}

TEST_CASE("Sgd names the setting that is out of range, its value and the remedy") {
  CHECK(message_of({.lr = -0.1}) == "Sgd: lr is -0.1. Set it to a finite number, 0 or greater.");
  CHECK(message_of({.lr = NAN}) == "Sgd: lr is nan. Set it to a finite number, 0 or greater.");
  CHECK(message_of({.momentum = -1}) == "Sgd: momentum is -1. Set it to a finite number, 0 or greater.");
  CHECK(message_of({.weight_decay = -2}) == "Sgd: weight_decay is -2. Set it to a finite number, 0 or greater.");
  CHECK(message_of({.dampening = INFINITY}) == "Sgd: dampening is inf. Set it to a finite number.");
  CHECK(message_of({.nesterov = true}) ==
        "Sgd: nesterov is true and momentum is 0. Set momentum to a number greater than 0, or nesterov to false.");
  CHECK(message_of({.momentum = 0.9, .dampening = 0.1, .nesterov = true}) ==
        "Sgd: nesterov is true and dampening is 0.1. Set dampening to 0, or nesterov to false.");
}
