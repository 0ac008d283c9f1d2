// SPDX-License-Identifier: Apache-2.0
#include "hone/core/serialize.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

struct ByItself {
  int x = 1;
  void serialize(auto& archive) { archive("x", x); }
};
struct InState {
  struct State {
    int y = 2;
    void serialize(auto& archive) { archive("y", y); }
  };
  State state{};
};
struct Numbers {
  std::vector<int> state{};
};
struct Opaque {
  struct State {
    int z = 3;
  };
  State state{};
};
struct Nothing {};

static_assert(hone::RemembersState<ByItself> && hone::RemembersState<InState> && hone::RemembersState<Numbers>);
static_assert(!hone::RemembersState<Opaque> && !hone::RemembersState<Nothing> && !hone::RemembersState<int>);

struct Names {
  std::string all;
  void operator()(std::string_view name, auto&& thing) {
    all += std::string(name) + " ";
    if constexpr (hone::HasSerialize<std::remove_reference_t<decltype(thing)>>) thing.serialize(*this);
  }
};

}  // namespace

TEST_CASE("an archive is shown what is remembered, and nothing else") {
  ByItself by_itself;
  InState in_state;
  Numbers numbers;
  Opaque opaque;
  Nothing nothing;
  Names names;
  hone::serialize_state(names, "a", by_itself);
  hone::serialize_state(names, "b", in_state);
  hone::serialize_state(names, "c", numbers);
  hone::serialize_state(names, "d", opaque);
  hone::serialize_state(names, "e", nothing);
  CHECK(names.all == "a x b y c ");
}
