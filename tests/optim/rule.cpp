// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/rule.hpp"

#include <torch/torch.h>

#include "hone/optim/fused_optimizer.hpp"
#include "support/catch.hpp"

namespace {

// A custom rule that subtracts lr times the sign of the gradient and counts its updates.
struct SignSgd {
  double lr = 0.5;

  static constexpr std::array<std::string_view, 1> state_names{"last_sign"};
  static constexpr bool counts_steps = true;
  static constexpr auto fields() { return std::tuple{std::pair{"lr", &SignSgd::lr}}; }
  bool uses(std::size_t) const { return true; }
  void check() const { hone::detail::require_not_negative("SignSgd", "lr", lr); }
  void apply(const hone::RuleLists<1>& lists, bool, const hone::StepScaling&) const {
    for (std::size_t i = 0; i < lists.parameters.size(); ++i) {
      lists.state[0][i].copy_(lists.gradients[i].sign());
      lists.parameters[i].sub_(lists.state[0][i], lr);
    }
  }
};
struct NoRule {
  double lr = 0.5;
};

static_assert(hone::OptimizerRule<SignSgd> && !hone::OptimizerRule<NoRule> && !hone::OptimizerRule<int>);

}  // namespace

TEST_CASE("FusedOptimizer of a custom rule has step counters and named state") {
  auto p = torch::zeros({3}, torch::requires_grad());
  hone::FusedOptimizer<SignSgd> optimizer({{"p", p}});
  for (int i = 0; i < 2; ++i) {
    p.mutable_grad() = torch::tensor({2.0F, -3.0F, 0.0F});
    optimizer.step();
  }
  CHECK(torch::equal(p, torch::tensor({-1.0F, 1.0F, 0.0F})));
  const auto state = optimizer.state();
  REQUIRE(state[0].fields.size() == 2);
  CHECK(state[0].fields[0].first == "step");
  CHECK(state[0].fields[0].second.item<float>() == 2.0F);
  CHECK(state[0].fields[1].first == "last_sign");
  CHECK(torch::equal(state[0].fields[1].second, torch::tensor({1.0F, -1.0F, 0.0F})));
}
