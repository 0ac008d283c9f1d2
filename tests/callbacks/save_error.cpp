// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/save_error.hpp"

#include <stdexcept>

#include "support/captured.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

namespace {

bool try_save(hone::SaveError on_error, hone::Captured& output, const auto& save) {
  const hone::RunDriver driver;
  return hone::detail::try_save(on_error, driver.run, output.file(), "Saver", save);
}

}  // namespace

TEST_CASE("try_save returns true and prints nothing if the write succeeds") {
  hone::Captured output;
  CHECK(try_save(hone::SaveError::stop, output, [] {}));
  CHECK(try_save(hone::SaveError::warn, output, [] {}));
  CHECK(output.text().empty());
}

TEST_CASE("try_save rethrows DataError with SaveError::stop and prints it with SaveError::warn") {
  hone::Captured output;
  const auto fail = [] { throw hone::DataError("a.pt cannot be written: No space left on device."); };
  CHECK_THROWS_AS(try_save(hone::SaveError::stop, output, fail), hone::DataError);
  CHECK(output.text().empty());
  CHECK_FALSE(try_save(hone::SaveError::warn, output, fail));
  CHECK(output.text() == "\nSaver failed to save: a.pt cannot be written: No space left on device.\n");
}

TEST_CASE("try_save always rethrows other exceptions than DataError") {
  hone::Captured output;
  CHECK_THROWS_AS(try_save(hone::SaveError::warn, output, [] { throw hone::DistributedError("a peer is gone"); }),
                  hone::DistributedError);
  CHECK_THROWS_AS(try_save(hone::SaveError::warn, output, [] { throw std::logic_error("no state"); }),
                  std::logic_error);
}
