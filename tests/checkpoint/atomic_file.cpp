// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/atomic_file.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <iterator>

#include "files.hpp"
#include "support/catch.hpp"

namespace {

std::size_t num_files(const files::fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(files::fs::directory_iterator(folder), files::fs::directory_iterator()));
}

std::string failure(const files::fs::path& path, const std::string& bytes = "new") {
  return files::message([&] {
    hone::AtomicFile file(path);
    file.write(bytes);
    file.commit();
  });
}

}  // namespace

TEST_CASE("A file appears at commit, and replaces the old one") {
  const files::Folder folder;
  files::write(folder / "f", "old");
  {
    hone::AtomicFile file(folder / "f");
    file.write("new ");
    file.write("file");
    CHECK(files::read(folder / "f") == "old");
    file.commit();
  }
  CHECK(files::read(folder / "f") == "new file");
  CHECK(num_files(folder.path) == 1);
}

TEST_CASE("Without commit nothing happens") {
  const files::Folder folder;
  files::write(folder / "f", "old");
  {
    hone::AtomicFile(folder / "f").write("new");
  }
  CHECK(files::read(folder / "f") == "old");
  CHECK(num_files(folder.path) == 1);
}

TEST_CASE("What cannot be written is named with reason and remedy") {
  const files::Folder folder;
  CHECK(failure(folder.path) ==
        folder.path.string() + " cannot be written: it is a folder. Give the path of a file. Nothing was changed.");
  CHECK(failure(folder / "none" / "f") ==
        (folder / "none" / "f").string() +
            " cannot be written: No such file or directory. Create the folder first. Nothing was changed.");
  files::write(folder / "file", "x");
  CHECK(files::contains(failure(folder / "file" / "f"), "Not a directory. Give the path of a file."));
  CHECK(files::contains(failure(folder / std::string(300, 'x')), "File name too long"));
  CHECK(files::contains(failure("/proc/f"), "/proc/f cannot be written"));
  CHECK(num_files(folder.path) == 1);
}

TEST_CASE("A folder that may not be written to is named") {
  const files::Folder folder;
  files::write(folder / "f", "old");
  files::fs::permissions(folder.path, files::fs::perms(0555));
  // In a process of its own, for root may write anywhere and has to become somebody else.
  const auto child = fork();
  if (child == 0) {
    constexpr uid_t nobody = 65534;
    if (geteuid() == 0 && seteuid(nobody) != 0) _exit(2);
    const auto text = failure(folder / "f");
    _exit(files::contains(text, "Permission denied. Choose a folder that may be written to.") ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  files::fs::permissions(folder.path, files::fs::perms::owner_all);
  CHECK(files::read(folder / "f") == "old");
}

TEST_CASE("When the room ends, the old file stays and the temporary one goes") {
  const files::Folder folder;
  files::write(folder / "f", "old");
  // In a process of its own, for the limit holds for all that it writes.
  const auto child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto text = failure(folder / "f", std::string(10000, 'x'));
    _exit(files::contains(text, "File too large. Make room. Nothing was changed.") ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(files::read(folder / "f") == "old");
  CHECK(num_files(folder.path) == 1);
}

TEST_CASE("What a killed process left behind goes away, what another one writes stays") {
  const files::Folder folder;
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const auto child = fork();
  if (child == 0) {
    hone::AtomicFile file(folder / "f");
    file.write("of the child");
    if (::write(ready[1], "x", 1) == 1) pause();
    _exit(1);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(failure(folder / "f") == "no error");
  CHECK(num_files(folder.path) == 2);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(failure(folder / "other") == "no error");
  CHECK(num_files(folder.path) == 3);
  CHECK(failure(folder / "f", "newer") == "no error");
  CHECK(num_files(folder.path) == 2);
  CHECK(files::read(folder / "f") == "newer");
}

TEST_CASE("Of two that write the same file at once, one wins whole") {
  const files::Folder folder;
  hone::AtomicFile first(folder / "f"), second(folder / "f");
  first.write("first");
  second.write("second");
  second.commit();
  first.commit();
  CHECK(files::read(folder / "f") == "first");
  CHECK(num_files(folder.path) == 1);
}
