// SPDX-License-Identifier: Apache-2.0
#include "hone/data/loader_options.hpp"

#include "support/catch.hpp"

namespace {

std::int64_t batches(std::int64_t samples, std::int64_t batch_size, bool drop_last = false) {
  return hone::detail::count_batches(samples, {.batch_size = batch_size, .drop_last = drop_last});
}

TEST_CASE("a short batch at the end counts unless it is dropped") {
  CHECK(batches(10, 5) == 2);
  CHECK(batches(11, 5) == 3);
  CHECK(batches(11, 5, true) == 2);
  CHECK(batches(5, 5, true) == 1);
  CHECK(batches(1, 1) == 1);
}

TEST_CASE("options and sizes that make no batch are refused") {
  CHECK_THROWS_AS(batches(0, 5), hone::DataError);
  CHECK_THROWS_AS(batches(10, 0), std::invalid_argument);
  CHECK_THROWS_AS(batches(10, -1), std::invalid_argument);
  CHECK_THROWS_AS(batches(10, 11), std::invalid_argument);
}

}  // namespace
