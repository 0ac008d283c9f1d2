// SPDX-License-Identifier: Apache-2.0
/// Tests of `hone/history/record.hpp`.
#include "hone/history/record.hpp"

#include <type_traits>

#include "support/catch.hpp"

using hone::Phase;
using hone::Record;

static_assert(std::is_trivially_copyable_v<Record> && std::is_aggregate_v<Record>);
static_assert(to_string(Phase::train) == "train" && to_string(Phase::eval) == "eval");
static_assert(to_string(Phase::evaluation) == "evaluation" && to_string(Phase::predict) == "predict");

TEST_CASE("records are equal if all members are equal") {
  const Record record{0.5, 2, 10, Phase::eval};
  CHECK(record == Record{0.5, 2, 10, Phase::eval});
  CHECK(record != Record{0.25, 2, 10, Phase::eval});
  CHECK(record != Record{0.5, 3, 10, Phase::eval});
  CHECK(record != Record{0.5, 2, 11, Phase::eval});
  CHECK(record != Record{0.5, 2, 10, Phase::train});
}
