// SPDX-License-Identifier: Apache-2.0
#include "hone/metrics/class_counts.hpp"

#include <cmath>

#include "support/catch.hpp"

using namespace hone;

TEST_CASE("ClassCounts with different numbers of classes can be merged in both directions") {
  const ClassCounts two{{1, 0}, {2, 1}, {1, 2}}, three{{0, 1, 1}, {0, 1, 2}, {1, 1, 1}};
  ClassCounts left = two, right = three;
  left.merge(three);
  right.merge(two);
  CHECK(left == right);
  CHECK(left == ClassCounts{{1, 1, 1}, {2, 2, 2}, {2, 3, 1}});
  CHECK(left.num_classes() == 3);
  CHECK(left.total() == 6);
}

TEST_CASE("a class without predictions has score 0, and without samples the score is NaN") {
  const ClassCounts only_negatives{{3, 0}, {3, 0}, {3, 0}};
  for (const auto score : {precision, recall, f1}) {
    CHECK(score(only_negatives, Average::binary) == 0.0);
    CHECK(score(only_negatives, Average::macro) == 1.0);  // class 1 does not occur
    CHECK(score(ClassCounts{{3}, {3}, {3}}, Average::binary) == 0.0);
    for (const auto average : {Average::binary, Average::macro, Average::micro, Average::weighted}) {
      CHECK(std::isnan(score(ClassCounts{}, average)));
      CHECK(std::isnan(score(ClassCounts{{0, 0}, {0, 0}, {0, 0}}, average)));
    }
  }
}
