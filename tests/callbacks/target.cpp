// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/target.hpp"

#include <array>
#include <boost/hana.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

struct Tensor {
  int id = 0;
  [[nodiscard]] long numel() const { return 0; }
  [[nodiscard]] std::vector<long> sizes() const { return {}; }
};
struct Example {
  Tensor target, data;
};
struct Adapted {
  BOOST_HANA_DEFINE_STRUCT(Adapted, (Tensor, image), (Tensor, digit), (std::string, file));
};
struct Weighted {
  BOOST_HANA_DEFINE_STRUCT(Weighted, (Tensor, x), (Tensor, target), (Tensor, weight));
};
struct TwoTargets {
  BOOST_HANA_DEFINE_STRUCT(TwoTargets, (Tensor, x), (Tensor, labels), (Tensor, target));
};
/// A struct without Boost.Hana adaptation.
struct Plain {
  Tensor target, x, y, z;
};
static_assert(hone::detail::HasClearTarget<Weighted> && !hone::detail::HasClearTarget<TwoTargets>);
static_assert(hone::detail::HasClearTarget<Plain> && !hone::detail::HasClearTarget<std::pair<int, std::string>>);
static_assert(!hone::detail::HasClearTarget<int>);

int target_in(const auto& batch) { return hone::detail::target_of(batch).id; }

}  // namespace

TEST_CASE("target_of finds the target in pairs, tuples, arrays and structs") {
  CHECK(target_in(std::pair{Tensor{1}, Tensor{2}}) == 2);
  CHECK(target_in(std::tuple{Tensor{1}, Tensor{2}, Tensor{3}}) == 3);
  CHECK(target_in(std::tuple{Tensor{1}, Tensor{2}, std::string{"digits"}}) == 2);
  CHECK(target_in(std::array{Tensor{1}, Tensor{2}}) == 2);
  CHECK(target_in(Example{Tensor{1}, Tensor{2}}) == 1);
  CHECK(target_in(Weighted{Tensor{1}, Tensor{2}, Tensor{3}}) == 2);
  CHECK(target_in(Plain{Tensor{1}, Tensor{2}, Tensor{3}, Tensor{4}}) == 1);
  CHECK(target_in(Adapted{Tensor{1}, Tensor{2}, "7.png"}) == 2);
}
