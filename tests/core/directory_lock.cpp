// SPDX-License-Identifier: Apache-2.0
#include "hone/core/directory_lock.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <utility>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

std::string refusal(const std::filesystem::path& folder) {
  try {
    const hone::DirectoryLock lock(folder);
  } catch (const hone::DataError& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("DirectoryLock creates the folder and throws DataError while another lock, also a moved one, exists") {
  const TemporaryFolder top;
  const auto folder = top / "new/folder";
  std::optional<hone::DirectoryLock> lock(folder);
  CHECK(std::filesystem::is_directory(folder));
  CHECK(refusal(folder) ==
        "Another run is saving to the folder " + folder.string() + ". Use a separate folder for each run.");
  std::optional<hone::DirectoryLock> moved(std::move(*lock));
  lock.reset();
  CHECK(refusal(folder) != "none");
  moved.reset();
  CHECK(refusal(folder) == "none");
}

TEST_CASE("the lock of a killed process is released") {
  const TemporaryFolder top;
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const auto child = fork();
  if (child == 0) {
    const hone::DirectoryLock lock(top.path);
    if (write(ready[1], "x", 1) != 1) _exit(1);
    pause();
  }
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  CHECK(refusal(top.path) != "none");
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(refusal(top.path) == "none");
  close(ready[0]);
  close(ready[1]);
}

TEST_CASE("DirectoryLock throws DataError if the path is a file or is inside a file") {
  const TemporaryFolder top;
  top.touch("file");
  CHECK(refusal(top / "file").find("a file has that name") != std::string::npos);
  CHECK(refusal(top / "file/inside") != "none");
}
