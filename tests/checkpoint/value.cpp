// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/value.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include "files.hpp"
#include "support/catch.hpp"

using hone::Dict;
using hone::List;
using hone::None;
using hone::Tuple;
using hone::Value;

TEST_CASE("Value contains what it was constructed from") {
  CHECK(Value().is_none());
  CHECK(Value(true).get<bool>());
  CHECK(Value(3).get<std::int64_t>() == 3);
  CHECK(Value(std::uint8_t{7}).get<std::int64_t>() == 7);
  CHECK(Value(0.5F).get<double>() == 0.5);
  CHECK(Value("text").get<std::string>() == "text");
  CHECK(Value(torch::ones({2})).get<at::Tensor>().numel() == 2);
  CHECK(Value(List{1, "a"}).items().size() == 2);
  CHECK(Value(Tuple{{1, 2, 3}}).items().size() == 3);
  CHECK(Value(3).number() == 3.0);
  CHECK_THROWS_AS(Value(~std::uint64_t{0}), std::invalid_argument);
}

TEST_CASE("Value throws DataError with the actual and the expected type") {
  CHECK(files::message([] { (void)Value(List{1, 2}).get<bool>(); }) == "The value is a list of 2, expected a bool.");
  CHECK(files::message([] { (void)Value("x").number(); }) == "The value is the string 'x', expected a float.");
  CHECK(files::message([] { (void)Value(None()).items(); }) == "The value is None, expected a list.");
  CHECK(files::message([] { (void)Value(torch::ones({2, 3})).at("a"); }) ==
        "The value is a tensor of shape [2, 3], expected a dictionary.");
}

TEST_CASE("Dict keeps the order of its entries, also if one is replaced") {
  Dict dict{{"b", 1}, {"a", 2}};
  dict.set("c", 3);
  dict.set("b", 4);
  std::string order;
  for (const auto& [key, value] : dict)
    order += fmt::format("{}{} ", key.get<std::string>(), value.get<std::int64_t>());
  CHECK(order == "b4 a2 c3 ");
}

TEST_CASE("Dict compares keys as Python does") {
  Dict dict{{1, "number"}, {"1", "text"}};
  CHECK(dict.at(true).get<std::string>() == "number");
  CHECK(dict.at(1.0).get<std::string>() == "number");
  CHECK(dict.at("1").get<std::string>() == "text");
  dict.set(Tuple{{1, "x"}}, "tuple");
  CHECK(dict.at(Tuple{{1.0, "x"}}).get<std::string>() == "tuple");
  CHECK_FALSE(dict.contains(Tuple{{1, "x", 2}}));
  CHECK_FALSE(dict.contains(None()));
  CHECK_FALSE(dict.contains(0.5));
  CHECK_THROWS_AS(dict.set(List{}, 1), std::invalid_argument);
  CHECK_THROWS_AS(dict.set(torch::ones({}), 1), std::invalid_argument);
}

TEST_CASE("Dict throws DataError that lists the existing entries if one is missing") {
  const Dict dict{{"epoch", 3}, {2, "x"}};
  CHECK(files::message([&] { (void)dict.at("model_state_dict"); }) ==
        "The entry 'model_state_dict' is missing; the entries are 'epoch', 2.");
  CHECK(files::message([] { (void)Dict().at("a"); }) == "The entry 'a' is missing; the dictionary is empty.");
  CHECK(files::message([&] { (void)dict.get<std::string>("epoch"); }) ==
        "The entry 'epoch' is the int 3, expected a string.");
  Dict large;
  for (int i = 0; i < 25; ++i) large.set(i, i);
  CHECK(files::contains(files::message([&] { (void)large.at("a"); }), ", 19 and 5 more."));
}

TEST_CASE("copies of a Dict are independent") {
  Dict first{{"inner", Dict{{"a", 1}}}};
  Dict second = first;
  second.set("inner", 2);
  CHECK(first.at("inner").at("a").get<std::int64_t>() == 1);
}
