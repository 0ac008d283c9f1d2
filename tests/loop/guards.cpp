// SPDX-License-Identifier: Apache-2.0
#include "hone/loop/guards.hpp"

#include "support/catch.hpp"

TEST_CASE("threads are set for the length of a scope") {
  at::set_num_threads(2);
  {
    const hone::ThreadGuard guard(1);
    CHECK(at::get_num_threads() == 1);
  }
  CHECK(at::get_num_threads() == 2);
  try {
    const hone::ThreadGuard guard(1);
    throw 1;
  } catch (int) {
  }
  CHECK(at::get_num_threads() == 2);
  at::set_num_threads(1);
}

TEST_CASE("zero threads leave the number as it is") {
  at::set_num_threads(1);
  const hone::ThreadGuard guard(0);
  CHECK(at::get_num_threads() == 1);
}
