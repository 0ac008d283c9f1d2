// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/bytes.hpp"

#include <torch/torch.h>

#include <string>

#include "hone/checkpoint/archive.hpp"
#include "hone/core/serialize.hpp"
#include "support/catch.hpp"

namespace {

using hone::Dict;
using hone::Value;

Dict some() {
  return {{"count", 3},
          {"name", "x"},
          {"none", hone::None()},
          {"list", hone::List{1, 0.5, "y"}},
          {"numbers", torch::arange(5)},
          {"inner", Dict{{"flag", true}, {"half", torch::ones({2, 2}, at::kHalf)}, {"empty", torch::zeros({0})}}}};
}

/// Two values are equal if their packed bytes are equal.
bool same(const Value& a, const Value& b) { return hone::to_bytes(a) == hone::to_bytes(b); }

TEST_CASE("to_bytes and from_bytes round-trip a value") {
  const auto back = hone::from_bytes(hone::to_bytes(some()));
  CHECK(same(back, some()));
  CHECK(torch::equal(back.at("numbers").get<at::Tensor>(), torch::arange(5)));
  CHECK(back.at("inner").at("half").get<at::Tensor>().scalar_type() == at::kHalf);
  CHECK(same(hone::from_bytes(hone::to_bytes(Value())), Value()));
}

TEST_CASE("from_bytes throws DataError for truncated bytes") {
  const auto bytes = hone::to_bytes(some());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(hone::from_bytes(std::string_view(bytes).substr(0, size)), hone::DataError);
  }
}

TEST_CASE("from_bytes returns a value or throws DataError if a byte was changed") {
  const auto bytes = hone::to_bytes(some());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const char byte : {'\0', 'x', '9', '\xff'}) {
      auto changed = bytes;
      changed[i] = byte;
      INFO("byte " << i << " is " << int{byte});
      try {
        static_cast<void>(hone::from_bytes(changed));
      } catch (const hone::DataError&) {  // expected
      } catch (const std::exception& error) {
        FAIL(error.what());
      }
    }
  }
}

TEST_CASE("diff contains only what differs, and patched restores the value") {
  const Value base = some();
  const auto prints = hone::leaf_hashes(base);
  CHECK(!hone::diff(base, prints));
  Dict other = some();
  other.set("count", 4);
  Dict inner = other.get<Dict>("inner");
  inner.set("half", torch::zeros({2, 2}, at::kHalf));
  other.set("inner", inner);
  const auto difference = hone::diff(other, hone::from_bytes(hone::to_bytes(prints)));
  REQUIRE(difference);
  CHECK(difference->get<Dict>().size() == 2);
  CHECK(difference->at("inner").get<Dict>().size() == 1);
  CHECK(same(hone::patched(base, *difference), other));
}

TEST_CASE("dictionaries with different keys are replaced as a whole") {
  Dict other = some();
  other.set("inner", Dict{{"flag", true}});
  other.set("list", hone::Tuple{{1}});
  const auto difference = hone::diff(other, hone::leaf_hashes(some()));
  REQUIRE(difference);
  CHECK(same(hone::patched(some(), *difference), other));
  Dict more = some();
  more.set("more", 1);
  CHECK(same(hone::patched(some(), hone::diff(more, hone::leaf_hashes(some())).value()), more));
  // A dictionary replaces a number.
  Dict deeper = some();
  deeper.set("count", Dict{{"a", 1}});
  CHECK(same(hone::patched(some(), hone::diff(deeper, hone::leaf_hashes(some())).value()), deeper));
}

TEST_CASE("patched throws DataError for a diff of another value") {
  CHECK_THROWS_AS(hone::patched(some(), Dict{{"unknown", hone::Tuple{{1}}}}), hone::DataError);
  CHECK_THROWS_AS(hone::patched(some(), Dict{{"count", 3}}), hone::DataError);
  CHECK_THROWS_AS(hone::patched(some(), Dict{{"count", hone::Tuple{{1, 2}}}}), hone::DataError);
  CHECK_THROWS_AS(hone::patched(Value(3), Dict{{"count", hone::Tuple{{1}}}}), hone::DataError);
}

/// A sum over ranks.
struct Sum {
  double sum = 0.0;
  void reset() { sum = 0.0; }
  void merge(const Sum& other) { sum += other.sum; }
  void serialize(auto& archive) {
    archive("sum", sum);
    hone::merge_departed_ranks(archive, *this);
  }
};
struct Holder {
  Sum sum;
  int other = 0;
  void serialize(auto& archive) {
    archive("sum", sum);
    archive("other", other);
  }
};

TEST_CASE("StateReader merges the sums of missing ranks, and resets the sums of a new rank") {
  Holder a{{1.0}, 5}, b{{2.0}, 6}, c{{4.0}, 7}, read;
  const Value own = hone::state_of(a), second = hone::state_of(b), third = hone::state_of(c);
  hone::StateReader all(own, {&second, &third}, false);
  read.serialize(all);
  CHECK(read.sum.sum == 7.0);
  CHECK(read.other == 5);
  hone::StateReader none(own, {}, true);
  read.serialize(none);
  CHECK(read.sum.sum == 0.0);
  CHECK(read.other == 5);
}

}  // namespace
