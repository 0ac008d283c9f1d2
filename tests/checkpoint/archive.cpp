// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/archive.hpp"

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hone/history/run_history.hpp"
#include "hone/history/running_mean.hpp"
#include "support/catch.hpp"

namespace {

enum class Colour { red, green };

struct Inner {
  double x = 0.0;
  void serialize(auto& archive) { archive("x", x); }
};

struct Thing {
  bool flag = false;
  int small = 0;
  std::uint64_t large = 0;
  float real = 0.0F;
  std::string text;
  Colour colour = Colour::red;
  std::optional<double> best;
  std::optional<Inner> maybe;
  std::array<std::int64_t, 2> pair{};
  std::vector<double> numbers;
  std::vector<Inner> inners;
  std::map<std::string, int> counts;
  at::Tensor tensor;
  hone::NamedParameters named;

  void serialize(auto& archive) {
    archive("flag", flag);
    archive("small", small);
    archive("large", large);
    archive("real", real);
    archive("text", text);
    archive("colour", colour);
    archive("best", best);
    archive("maybe", maybe);
    archive("pair", pair);
    archive("numbers", numbers);
    archive("inners", inners);
    archive("counts", counts);
    archive("tensor", tensor);
    archive("named", named);
  }
};

Thing full() {
  Thing thing;
  thing.flag = true;
  thing.small = -3;
  thing.large = std::numeric_limits<std::uint64_t>::max() - 5;
  thing.real = 0.1F;
  thing.text = "text";
  thing.colour = Colour::green;
  thing.best = 0.3;
  thing.maybe = Inner{2.0};
  thing.pair = {4, 5};
  thing.numbers = {0.1, std::numeric_limits<double>::infinity()};
  thing.inners = {{1.0}, {2.0}};
  thing.counts = {{"a", 1}};
  thing.tensor = torch::arange(3);
  thing.named = {{"w", torch::ones(2)}};
  return thing;
}

}  // namespace

TEST_CASE("state_of and load_state_of round-trip values of every supported type") {
  auto thing = full();
  Thing other;
  hone::load_state_of(other, hone::state_of(thing));
  CHECK(other.flag);
  CHECK(other.small == -3);
  CHECK(other.large == thing.large);
  CHECK(other.real == 0.1F);
  CHECK(other.text == "text");
  CHECK(other.colour == Colour::green);
  CHECK(other.best == 0.3);
  CHECK(other.maybe.value().x == 2.0);
  CHECK(other.pair == thing.pair);
  CHECK(other.numbers == thing.numbers);
  CHECK(other.inners.at(1).x == 2.0);
  CHECK(other.counts == thing.counts);
  CHECK(torch::equal(other.tensor, thing.tensor));
  CHECK(torch::equal(other.named.at(0).value, torch::ones(2)));

  thing.tensor.add_(1);  // a loaded tensor is a copy
  CHECK_FALSE(torch::equal(other.tensor, thing.tensor));

  Thing empty;
  hone::load_state_of(other, hone::state_of(empty));
  CHECK_FALSE(other.best);
  CHECK(other.numbers.empty());
  CHECK_FALSE(other.tensor.defined());
}

TEST_CASE("load_state_of throws DataError that names a value of the wrong type, range or size") {
  auto thing = full();
  auto state = hone::state_of(thing);
  const auto refusal = [&] {
    try {
      hone::load_state_of(thing, state);
    } catch (const hone::DataError& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  state.set("small", std::int64_t{1} << 40);
  CHECK(refusal() == "'small': 1099511627776 is out of range.");
  state.set("small", 0.5);
  CHECK(refusal() == "'small': The value is the float 0.5, expected an int.");
  state.set("small", 1);
  state.set("maybe", hone::Dict{});
  CHECK(refusal() == "'maybe': 'x' is missing.");
  state.set("maybe", hone::None{});
  state.set("pair", hone::List{1});
  CHECK(refusal() == "'pair': the list has 1 elements, expected 2.");
  state.set("pair", hone::List{1, 2});
  state.set("numbers", torch::ones({2, 2}));
  CHECK(refusal() == "'numbers': the tensor is not a 1-D tensor of the expected dtype.");
}

TEST_CASE("RunHistory and RunningMean round-trip through their states") {
  hone::RunHistory history;
  history.set_metric_name_prefix("p_");
  history.record("loss", 0.5, hone::Phase::train);
  history.set_num_updates(7);
  history.increment_epoch();
  history.record("loss", 0.25, hone::Phase::train);
  history.record("accuracy", 0.9, hone::Phase::eval);
  history.set_stop_reason("enough");
  hone::RunHistory other;
  hone::load_state_of(other, hone::state_of(history));
  CHECK((other == history));
  CHECK((other.recorded_since(1) == history.recorded_since(1)));

  hone::RunningMean mean, copy;
  mean.add(0.1, 3);
  mean.add(0.7, 5);
  hone::load_state_of(copy, hone::state_of(mean));
  CHECK((copy == mean));
}

TEST_CASE("cloned copies the tensors in lists, tuples and dictionaries") {
  const auto tensor = torch::zeros(2);
  const hone::Value value(hone::Dict{{"list", hone::List{tensor}}, {"tuple", hone::Tuple{{tensor}}}, {"n", 3}});
  const auto copy = hone::cloned(value);
  tensor.add_(1);
  CHECK(copy.at("list").items()[0].get<at::Tensor>().sum().item<double>() == 0.0);
  CHECK(copy.at("tuple").items()[0].get<at::Tensor>().sum().item<double>() == 0.0);
  CHECK(copy.at("n").number() == 3.0);
}
