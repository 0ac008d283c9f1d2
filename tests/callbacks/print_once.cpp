// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/print_once.hpp"

#include <string>

#include "support/captured_stdout.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

TEST_CASE("print_once prints on rank 0 only") {
  hone::RunDriver driver;
  CHECK(hone::captured_stdout([&] { hone::print_once(driver.run, "epoch 3"); }) == "epoch 3\n");
  driver.config().process_index = 1;
  CHECK(hone::captured_stdout([&] { hone::print_once(driver.run, "epoch 3"); }).empty());
}
