// SPDX-License-Identifier: Apache-2.0
#include "hone/data/visit_tensors.hpp"

#include <torch/torch.h>

#include <boost/hana.hpp>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>

#include "support/catch.hpp"

namespace {

using hone::HoldsTensors;
using torch::Tensor;
using Pair = std::pair<Tensor, Tensor>;
using Named = std::map<std::string, Tensor>;

struct Adapted {
  Named views;
  std::optional<Tensor> mask;
  std::string name;
};
struct Unadapted {
  Tensor x, y;
};
struct Weighted {
  Tensor data, target, weight;
};
struct Labelled {
  Tensor data, target;
};
struct Derived : Pair {
  using Pair::Pair;
};

}  // namespace
BOOST_HANA_ADAPT_STRUCT(Adapted, views, mask, name);
namespace {

static_assert(HoldsTensors<Named> && HoldsTensors<std::unordered_map<int, Pair>> &&
              HoldsTensors<std::multimap<int, Tensor>>);
static_assert(HoldsTensors<std::optional<Tensor>> && HoldsTensors<std::variant<int, Tensor>>);
static_assert(HoldsTensors<std::list<Tensor>> && HoldsTensors<std::deque<Pair>> && HoldsTensors<std::array<Tensor, 2>>);
static_assert(HoldsTensors<Adapted> && HoldsTensors<std::pair<Named, int>> && HoldsTensors<Derived>);
static_assert(HoldsTensors<torch::data::Example<>> && HoldsTensors<torch::data::TensorExample> &&
              HoldsTensors<Labelled>);
static_assert(!HoldsTensors<Unadapted> && !HoldsTensors<std::vector<Unadapted>> && !HoldsTensors<std::string>);
static_assert(!HoldsTensors<Weighted>);  // has a third member
static_assert(!HoldsTensors<std::shared_ptr<Tensor>> && !HoldsTensors<std::span<Tensor>> &&
              !HoldsTensors<std::set<int>>);

static_assert(hone::detail::holds_only_tensors<Named>() &&
              !hone::detail::holds_only_tensors<std::variant<int, Tensor>>());
static_assert(!hone::detail::holds_only_tensors<Adapted>());

static_assert(hone::holds_no_tensors<int> && hone::holds_no_tensors<std::string> &&
              hone::holds_no_tensors<std::vector<int>>);
static_assert(!hone::holds_no_tensors<Unadapted> && !hone::holds_no_tensors<Weighted>);

static_assert(std::same_as<hone::OwnedBatch<const Pair&>, Pair> && std::same_as<hone::OwnedBatch<Derived&>, Derived>);
static_assert(std::same_as<hone::OwnedBatch<std::pair<Pair&, const Tensor&>>, std::pair<Pair, Tensor>>);
static_assert(std::same_as<hone::OwnedBatch<std::tuple<std::pair<Tensor&, int>, Named&>>,
                           std::tuple<std::pair<Tensor, int>, Named>>);

Tensor full(double value) { return torch::full({2}, value); }

std::vector<double> values_in(const auto& whole) {
  std::vector<double> values;
  hone::for_each_tensor(whole, [&](const Tensor& tensor) { values.push_back(tensor[0].template item<double>()); });
  return values;
}

}  // namespace

TEST_CASE("for_each_tensor visits tensors in maps, optionals, variants and containers") {
  CHECK(values_in(Named{{"a", full(1)}, {"b", full(2)}}) == std::vector{1.0, 2.0});
  CHECK(values_in(std::unordered_map<int, Pair>{{3, {full(1), full(2)}}}) == std::vector{1.0, 2.0});
  CHECK(values_in(std::optional<Tensor>(full(3))) == std::vector{3.0});
  CHECK(values_in(std::optional<Tensor>()).empty());
  CHECK(values_in(std::variant<int, Tensor>(full(4))) == std::vector{4.0});
  CHECK(values_in(std::variant<int, Tensor>(4)).empty());
  CHECK(values_in(std::list<Tensor>{full(1), full(2)}) == std::vector{1.0, 2.0});
  CHECK(values_in(std::array{full(1), full(2)}) == std::vector{1.0, 2.0});
  CHECK(values_in(Adapted{{{"a", full(1)}}, full(2), "name"}) == std::vector{1.0, 2.0});
  CHECK(values_in(Derived(full(1), full(2))) == std::vector{1.0, 2.0});
}

TEST_CASE("map_tensors maps tensors in every kind of container and does not change the original") {
  using Batch = std::tuple<Named, std::optional<Tensor>, std::variant<int, Tensor>, std::list<Pair>, int>;
  const Batch batch{{{"a", full(1)}}, full(2), full(3), {{full(4), full(5)}}, 6};
  const auto doubled = hone::map_tensors(batch, [](const Tensor& tensor) { return tensor * 2; });
  CHECK(values_in(doubled) == std::vector{2.0, 4.0, 6.0, 8.0, 10.0});
  CHECK(values_in(batch) == std::vector{1.0, 2.0, 3.0, 4.0, 5.0});
  CHECK(std::get<4>(doubled) == 6);
}

TEST_CASE("map_tensors of a tuple of references returns values and does not change the referenced objects") {
  Pair a{full(1), full(2)};
  Tensor b = full(3);
  const std::pair<Pair&, Tensor&> both{a, b};
  const auto doubled = hone::map_tensors(both, [](const Tensor& tensor) { return tensor * 2; });
  static_assert(std::same_as<decltype(doubled), const std::pair<Pair, Tensor>>);
  CHECK(values_in(doubled) == std::vector{2.0, 4.0, 6.0});
  CHECK(values_in(both) == std::vector{1.0, 2.0, 3.0});
}
