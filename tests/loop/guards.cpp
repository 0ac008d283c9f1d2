// SPDX-License-Identifier: Apache-2.0
#include "hone/loop/guards.hpp"

#include <ATen/ops/rand.h>

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

TEST_CASE("random numbers that are drawn in a scope are not missed after it") {
  at::manual_seed(3);
  const auto expected = at::rand({4});
  at::manual_seed(3);
  {
    const hone::GeneratorGuard guard(c10::kCPU);
    static_cast<void>(at::rand({9}));
  }
  CHECK(at::rand({4}).equal(expected));
}
