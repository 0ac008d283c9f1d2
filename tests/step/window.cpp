// SPDX-License-Identifier: Apache-2.0
#include "hone/step/window.hpp"

#include "support/catch.hpp"

TEST_CASE("batches of equal weight are averaged, in a full and in a short window") {
  hone::Window window;
  CHECK(window.empty());
  CHECK(window.add(1, 4) == 0.25);
  CHECK(window.add(1, 4) == 0.25);
  CHECK(window.correction(4) == 2.0);
  window.add(1, 4);
  window.add(1, 4);
  CHECK(window.correction(4) == 1.0);
  CHECK(window.size() == 4);
  window.reset();
  CHECK(window.empty());
}

TEST_CASE("batches of different weights give a weighted mean") {
  hone::Window window;
  const double weights[] = {30, 10, 55}, gradients[] = {1.0, -2.0, 0.5};
  double sum = 0.0;
  for (int i = 0; i < 3; ++i) sum += window.add(weights[i], 4) * gradients[i];
  CHECK(sum * window.correction(4) == Approx((30 * 1.0 - 10 * 2.0 + 55 * 0.5) / 95));
}
