// SPDX-License-Identifier: Apache-2.0
#include "hone/core/compatibility.hpp"

#include <functional>
#include <memory>

#include "support/catch.hpp"

namespace {

using namespace hone;

struct Model {
  int forward(int);
};
struct Loss {
  int operator()(int, int);
};
struct Optimizer {
  void step();
  void zero_grad();
};
struct Rule {
  static constexpr int state_names = 0;
  static constexpr bool counts_steps = false;
};
struct Here {
  using slot = slots::Device;
};
struct There {
  using slot = slots::Device;
};
struct OwnBackward {
  void backward(int, int);
};
struct OwnStep {
  void optimizer_step(int);
};

static_assert(NamesForward<Model> && NamesForward<std::shared_ptr<Model>> &&
              NamesForward<std::reference_wrapper<Model>>);
static_assert(!NamesForward<Loss> && !NamesForward<int>);
static_assert(NamesOptimizer<Optimizer> && NamesOptimizer<std::unique_ptr<Optimizer>> && NamesOptimizer<Rule>);
static_assert(!NamesOptimizer<Loss> && !NamesOptimizer<Model>);
static_assert(std::same_as<UnwrapRef<std::shared_ptr<Model>>, Model> && std::same_as<UnwrapRef<Model>, Model>);

TEST_CASE("Composable is true for a model, a loss and an optimizer, followed by other arguments in any order") {
  STATIC_REQUIRE(Composable<Model, Loss, Optimizer>);
  STATIC_REQUIRE(Composable<Model, Loss, Rule, Here, Callbacks<int>, OwnBackward>);
  STATIC_REQUIRE(Composable<Model, Loss, Rule, OwnBackward, Callbacks<int>, Here, Callbacks<>>);
  STATIC_REQUIRE(checked_compatibility<Model, Loss, Optimizer, Here>);
}

TEST_CASE("Composable is false, and not an error, for arguments that do not form a trainer") {
  STATIC_REQUIRE_FALSE(Composable<Loss, Loss, Optimizer>);
  STATIC_REQUIRE_FALSE(Composable<Model, Optimizer, Loss>);
  STATIC_REQUIRE_FALSE(Composable<Model, Loss, Loss>);
  STATIC_REQUIRE_FALSE(Composable<Model, Loss, Optimizer, Loss>);
  STATIC_REQUIRE_FALSE(Composable<Model, Loss, Optimizer, Here, There>);
  STATIC_REQUIRE_FALSE(Composable<Model, Loss, Optimizer, Here, Here>);
  STATIC_REQUIRE_FALSE(Composable<Model, Loss, Optimizer, OwnBackward, OwnStep>);
}

struct SeveralInName {
  int num_optimizer = 2;
};
static_assert(!hone::SeveralOptimizers<SeveralInName> && !hone::OverridesArgument<SeveralInName>);

}  // namespace
