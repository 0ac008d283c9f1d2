// SPDX-License-Identifier: Apache-2.0
#include "hone/core/fixed_string.hpp"

#include <string>
#include <type_traits>

#include "support/catch.hpp"

using namespace hone;

namespace {

template <FixedString text>
struct Tag {
  static constexpr std::string_view name = text.view();
};

static_assert(std::is_same_v<Tag<"head">, Tag<"head">>);
static_assert(!std::is_same_v<Tag<"head">, Tag<"heat">>);
static_assert(!std::is_same_v<Tag<"head">, Tag<"heads">>);
static_assert(Tag<"head">::name == "head" && Tag<"">::name.empty());

}  // namespace

TEST_CASE("a FixedString template argument converts to a std::string at run time") {
  CHECK(std::string(Tag<"early stopping of the head">::name) == "early stopping of the head");
}
