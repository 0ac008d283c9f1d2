// SPDX-License-Identifier: Apache-2.0
#include "hone/data/batch_iterator.hpp"

#include <range/v3/iterator/concepts.hpp>

#include "support/catch.hpp"

namespace {

struct Countdown {
  int value = 3;
  int& current() { return value; }
  void advance() { --value; }
  bool done() const { return value == 0; }
};
using Iterator = hone::BatchIterator<Countdown, int>;

static_assert(std::input_iterator<Iterator> && !std::forward_iterator<Iterator>);
static_assert(std::sentinel_for<std::default_sentinel_t, Iterator>);
static_assert(ranges::input_iterator<Iterator> && ranges::sentinel_for<std::default_sentinel_t, Iterator>);

TEST_CASE("BatchIterator forwards current, advance and done to its loader") {
  Countdown loader;
  int sum = 0;
  for (Iterator it(loader); it != std::default_sentinel; ++it) sum += *it;
  CHECK(sum == 6);
  CHECK(loader.done());
}

}  // namespace
