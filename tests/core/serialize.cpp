// SPDX-License-Identifier: Apache-2.0
#include "hone/core/serialize.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
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

/// A loading archive that assigns `numbers` to every value.
struct Says {
  static constexpr bool is_loading = true;
  std::vector<std::int64_t> numbers;
  void operator()(std::string_view, auto& thing) {
    if constexpr (requires { thing.assign(numbers.begin(), numbers.end()); }) {
      thing.assign(numbers.begin(), numbers.end());
    } else {
      thing = static_cast<std::remove_reference_t<decltype(thing)>>(numbers[0]);
    }
  }
};

}  // namespace

TEST_CASE("serialize_state passes only state that can be serialized to the archive") {
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

TEST_CASE("serialize_count throws DataError if the loaded number is not a valid count") {
  const auto message = [](std::int64_t number, auto count, std::int64_t least = 0) -> std::string {
    Says archive{{number}};
    try {
      hone::serialize_count(archive, "waited", count, least);
    } catch (const hone::DataError& error) {
      return error.what();
    }
    return count == number ? "taken" : "lost";
  };
  CHECK(message(0, std::int64_t{}) == "taken");
  CHECK(message(std::int64_t{1} << 52, std::int64_t{}) == "taken");
  CHECK(message(1 << 20, int{}) == "taken");
  CHECK(message(-3, std::int64_t{}) == "'waited' is -3, which is not a valid count.");
  CHECK(message(0, std::int64_t{}, 1) == "'waited' is 0, which is not a valid count.");
  CHECK(message(std::int64_t{1} << 60, std::int64_t{}) ==
        "'waited' is 1152921504606846976, which is not a valid count.");
  CHECK(message(std::numeric_limits<int>::max(), int{}) == "'waited' is 2147483647, which is not a valid count.");
}

TEST_CASE("serialize_counts throws DataError for a negative count and for a sum that is too large") {
  const auto is_taken = [](std::vector<std::int64_t> numbers) {
    Says archive{std::move(numbers)};
    std::vector<std::int64_t> counts;
    try {
      hone::serialize_counts(archive, "hits", counts);
    } catch (const hone::DataError&) {
      return false;
    }
    return counts == archive.numbers;
  };
  const auto many = (std::int64_t{1} << 53) - 1;
  CHECK(is_taken({}));
  CHECK(is_taken({0, 7, 3}));
  CHECK(is_taken({many}));
  CHECK_FALSE(is_taken({0, -1}));
  CHECK_FALSE(is_taken({many, 1}));
  CHECK_FALSE(is_taken({std::numeric_limits<std::int64_t>::max(), 1}));
}

struct SerializesNothing {
  void serialize() {}
  const char* state = "";
};
static_assert(!hone::HasSerialize<SerializesNothing> && !hone::SerializesAnother<SerializesNothing>);
static_assert(!hone::HasState<int>);
