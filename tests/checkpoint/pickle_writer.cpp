// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/pickle_writer.hpp"

#include <torch/torch.h>

#include <limits>

#include "files.hpp"
#include "pickle.hpp"
#include "support/catch.hpp"

using hone::Dict;
using hone::List;
using hone::Tuple;
using hone::Value;

namespace {

std::string refusal(const Value& value) {
  return files::message<std::invalid_argument>([&] { (void)hone::detail::PickleWriter(value); });
}

}  // namespace

TEST_CASE("PickleReader reads what PickleWriter wrote") {
  constexpr auto most = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min();
  for (const std::int64_t number : {std::int64_t{0}, std::int64_t{255}, std::int64_t{256}, std::int64_t{-1},
                                    std::int64_t{1} << 31, -(std::int64_t{1} << 31), most, least}) {
    CHECK(pickle::read(hone::detail::PickleWriter(number).pickle()).get<std::int64_t>() == number);
  }
  for (const std::size_t size : {0U, 1U, 2U, 3U, 4U, 300U}) {
    const auto list = pickle::read(hone::detail::PickleWriter(List(size, 1)).pickle());
    const auto tuple = pickle::read(hone::detail::PickleWriter(Tuple{List(size, 1)}).pickle());
    CHECK(list.get<List>().size() == size);
    CHECK(tuple.get<Tuple>().items.size() == size);
  }
  CHECK(pickle::read(hone::detail::PickleWriter(-1e300).pickle()).get<double>() == -1e300);
}

TEST_CASE("PickleWriter writes the storage of several tensors once") {
  const auto base = torch::arange(12, torch::kFloat).view({3, 4});
  const hone::detail::PickleWriter contents(List{base, base.t(), base.slice(1, 1, 3)});
  CHECK(contents.storages().size() == 1);
  const auto value = pickle::read(contents.pickle());
  CHECK(value.items()[1].get<at::Tensor>().equal(base.t()));
  CHECK(value.items()[2].get<at::Tensor>().equal(base.slice(1, 1, 3)));
  // A storage has one element type in Python.
  CHECK(hone::detail::PickleWriter(List{base, base.view(torch::kInt)}).storages().size() == 2);
}

TEST_CASE("PickleWriter throws std::invalid_argument that names a value it cannot write") {
  CHECK(refusal(Dict{{"model", Dict{{"w", at::Tensor()}}}}) ==
        "The checkpoint's entry 'model.w' is an undefined tensor. Leave it out.");
  CHECK(files::contains(refusal(Dict{{"s", torch::ones({2}).to_sparse()}}), "entry 's' is a"));
  CHECK(files::contains(refusal(List{torch::empty({2}, torch::kMeta)}), "entry '0' is a"));
  CHECK(files::contains(refusal(Dict{{"text", "\xff"}}), "entry 'text' is a string that is not UTF-8"));
  Value deep;
  for (int i = 0; i < 101; ++i) deep = List{deep};
  CHECK(files::contains(refusal(deep), "is nested more than 100 levels deep"));
}

TEST_CASE("is_utf8 accepts valid UTF-8 only") {
  for (const auto* text : {"", "a", "ü", "€", "𝄞", "\xf4\x8f\xbf\xbf"}) CHECK(hone::detail::is_utf8(text));
  for (const auto* text :
       {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xff"}) {
    CHECK_FALSE(hone::detail::is_utf8(text));
  }
}
