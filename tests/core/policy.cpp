// SPDX-License-Identifier: Apache-2.0
#include "hone/core/policy.hpp"

#include "support/catch.hpp"

namespace {

using namespace hone;

struct Here {
  using slot = slots::Device;
};
struct There {
  using slot = slots::Device;
};
struct Small {
  using slot = slots::Precision;
};
struct NoPolicy {};
/// Fits only together with `Here`.
struct Choosy {
  using slot = slots::Distribution;
  template <class... Policies>
  struct compatible_with : std::bool_constant<(std::same_as<Policies, Here> || ...)> {};
};

static_assert(Policy<Here> && !Policy<NoPolicy>);
static_assert(PolicyFor<Here, slots::Device> && !PolicyFor<Here, slots::Precision>);
static_assert(num_policies_for<slots::Device, Small, Here, There> == 2 && num_policies_for<slots::Clipping, Here> == 0);
static_assert(is_compatible<Choosy, Choosy, Here> && !is_compatible<Choosy, Choosy, There> &&
              is_compatible<Here, There>);

TEST_CASE("SelectPolicy selects the policy of a slot at any position, else the default") {
  STATIC_REQUIRE(std::same_as<SelectPolicy<slots::Device, There, Small, Here>, Here>);
  STATIC_REQUIRE(std::same_as<SelectPolicy<slots::Device, There, Here, Small>, Here>);
  STATIC_REQUIRE(std::same_as<SelectPolicy<slots::Device, There, Small>, There>);
  STATIC_REQUIRE(std::same_as<SelectPolicy<slots::Device, There>, There>);
}

}  // namespace
