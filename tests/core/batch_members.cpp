// SPDX-License-Identifier: Apache-2.0
#include "hone/core/batch_members.hpp"

#include <boost/hana.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

struct Tensor {
  int id = 0;
};
struct Test {
  template <class T>
  static constexpr bool is = std::is_same_v<T, Tensor>;
};

struct Pictures {
  BOOST_HANA_DEFINE_STRUCT(Pictures, (Tensor, image), (std::string, file), (Tensor, mask), (Tensor, digit));
};
struct TargetLast {
  BOOST_HANA_DEFINE_STRUCT(TargetLast, (Tensor, x1), (Tensor, x2), (Tensor, target));
};
struct TargetFirst {
  BOOST_HANA_DEFINE_STRUCT(TargetFirst, (Tensor, label), (Tensor, x), (std::string, file));
};
struct Weighted {
  BOOST_HANA_DEFINE_STRUCT(Weighted, (Tensor, x), (Tensor, target), (Tensor, weight));
};
struct WeightedY {
  BOOST_HANA_DEFINE_STRUCT(WeightedY, (Tensor, x), (Tensor, y), (Tensor, sample_weight));
};
struct NumberWeighted {
  BOOST_HANA_DEFINE_STRUCT(NumberWeighted, (Tensor, x), (Tensor, y), (double, weight));
};
struct TwoTargets {
  BOOST_HANA_DEFINE_STRUCT(TwoTargets, (Tensor, x), (Tensor, labels), (Tensor, target));
};
struct Example {
  Tensor target, data;
};

template <class T>
constexpr auto place = hone::detail::target_place<Test, T>();
template <class T>
constexpr bool is_clear = place<T>.is_target_clear && place<T>.are_inputs_clear;

static_assert(place<Pictures>.num_members == 3 && place<Pictures>.target == 2 && is_clear<Pictures>);
static_assert(place<TargetLast>.target == 2 && is_clear<TargetLast>);
static_assert(place<TargetFirst>.num_members == 2 && place<TargetFirst>.target == 0 && is_clear<TargetFirst>);
static_assert(place<NumberWeighted>.target == 1 && is_clear<NumberWeighted>);
static_assert(place<Weighted>.target == 1 && place<Weighted>.is_target_clear && !place<Weighted>.are_inputs_clear);
static_assert(!place<WeightedY>.is_target_clear && !place<WeightedY>.are_inputs_clear);
static_assert(!place<TwoTargets>.is_target_clear && !place<TwoTargets>.are_inputs_clear);
static_assert(place<Example>.target == 1 && is_clear<Example>);
static_assert(place<std::pair<Tensor, Tensor>>.target == 1 && is_clear<std::pair<Tensor, Tensor>>);
static_assert(place<std::tuple<Tensor, int, Tensor, std::string>>.target == 1);
static_assert(place<std::array<Tensor, 3>>.target == 2 && is_clear<std::array<Tensor, 3>>);
static_assert(place<std::pair<std::tuple<Tensor, int>, std::vector<Tensor>>>.target == 1);
static_assert(place<std::tuple<int, std::string>>.num_members == 0);

static_assert(!hone::NamesParts<Weighted> && !hone::NamesParts<Tensor>);

}  // namespace

TEST_CASE("members_with_tensors returns references in the order of the batch's members") {
  Pictures batch{Tensor{1}, "7.png", Tensor{2}, Tensor{3}};
  const auto parts = hone::detail::members_with_tensors<Test>(batch);
  static_assert(std::tuple_size_v<decltype(parts)> == 3);
  CHECK(&std::get<0>(parts) == &batch.image);
  CHECK(&std::get<2>(parts) == &batch.digit);
  Tensor alone;
  CHECK(&std::get<0>(hone::detail::members_with_tensors<Test>(alone)) == &alone);
}
