// SPDX-License-Identifier: Apache-2.0
#include "hone/core/slot_requirements.hpp"

#include <concepts>

#include "hone/core/compatibility.hpp"
#include "support/catch.hpp"

namespace {

/// A policy slot for this test.
struct Speed {
  template <class... Answers>
  struct at_most_one {};
};

HONE_DEFINE_NAMES(brake);
HONE_POLICY_NEEDS(
    has_speed, "a speed policy", "double speed() const", requires(const P& policy) {
      { policy.speed() } -> std::same_as<double>;
    });
HONE_POLICY_NEEDS(
    has_brake, "a speed policy with `brake`", "void brake()",
    !names_brake<P> || requires(P& policy) { policy.brake(); });

}  // namespace

template <>
struct hone::SlotRequirements<Speed> : hone::detail::Requirements<has_speed, has_brake> {};

namespace {

using hone::meets_slot;

struct Constant {
  using slot = Speed;
  double speed() const { return 1.0; }
};
struct Braking : Constant {
  void brake() {}
};
struct Misspelt {
  using slot = Speed;
  double sped() const { return 1.0; }
};
struct WrongType {
  using slot = Speed;
  float speed() const { return 1.0F; }
};
struct NotConst {
  using slot = Speed;
  double speed() { return 1.0; }
};
class Private {
 public:
  using slot = Speed;

 private:
  [[maybe_unused]] double speed() const { return 1.0; }
};
struct WrongBrake : Constant {
  void brake(double) {}
};
struct UnknownSlot {
  using slot = int;
};
struct WithoutRequirements {
  using slot = hone::slots::Device;  // this test does not include its header
};
struct FitsAlone : Constant {
  template <class... Policies>
  struct compatible_with : std::true_type {};
};
struct MisfitAlone : Constant {
  template <class... Policies>
  struct incompatible_with {};
};
struct FitsVariable : Constant {
  template <class... Policies>
  static constexpr bool fits = false;
  template <class... Policies>
  struct incompatible_with {};
};
struct FitsBoth : FitsAlone {
  template <class... Policies>
  struct incompatible_with {};
};
struct FitsOptimizerAlone : Constant {
  template <class Optimizer>
  struct compatible_with_optimizer : std::true_type {};
};
struct MisfitOptimizerAlone : Constant {
  template <class Optimizer>
  struct incompatible_with_optimizer {};
};

template <class P, class Error>
constexpr bool fails_with = std::same_as<hone::detail::UnmetRequirement<P>, Error>;
struct Model {
  int forward(int);
};
struct Loss {};
struct Optimizer {
  void step();
  void zero_grad();
};
}  // namespace

TEST_CASE("meets_slot is true if the policy has every member that the slot requires") {
  STATIC_REQUIRE(meets_slot<Constant> && meets_slot<Braking> && meets_slot<FitsBoth> &&
                 meets_slot<WithoutRequirements>);
  STATIC_REQUIRE(!meets_slot<Misspelt> && !meets_slot<WrongType> && !meets_slot<NotConst> && !meets_slot<Private>);
  STATIC_REQUIRE(!meets_slot<WrongBrake> && !meets_slot<UnknownSlot>);
  STATIC_REQUIRE(!meets_slot<FitsAlone> && !meets_slot<MisfitAlone> && !meets_slot<FitsVariable>);
  STATIC_REQUIRE(!meets_slot<FitsOptimizerAlone> && !meets_slot<MisfitOptimizerAlone>);
}

TEST_CASE("UnmetRequirement is the first requirement that the policy does not meet") {
  STATIC_REQUIRE(fails_with<Misspelt, has_speed::incompatible_with<Misspelt>> &&
                 fails_with<WrongBrake, has_brake::incompatible_with<WrongBrake>>);
  STATIC_REQUIRE(fails_with<Constant, hone::detail::requirements_met>);
}

TEST_CASE("Composable is false for a policy that does not meet its slot") {
  STATIC_REQUIRE(hone::Composable<Model, Loss, Optimizer, Constant>);
  STATIC_REQUIRE(!hone::Composable<Model, Loss, Optimizer, Misspelt>);
  STATIC_REQUIRE(!hone::Composable<Model, Loss, Optimizer, UnknownSlot>);
}
