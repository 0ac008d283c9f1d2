// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/atomic_file.hpp"

#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <iterator>
#include <thread>

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

/// Returns the result of `f` in a child process without root's privileges, since root may write anywhere.
template <class F>
bool without_privileges(F&& f) {
  const auto child = fork();
  if (child == 0) {
    constexpr uid_t nobody = 65534;
    if (geteuid() == 0 && (setgroups(0, nullptr) != 0 || setegid(nobody) != 0 || seteuid(nobody) != 0)) _exit(2);
    _exit(f() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status == 0;
}

unsigned mode_of(const files::fs::path& path) {
  return static_cast<unsigned>(files::fs::status(path).permissions()) & 07777U;
}

}  // namespace

TEST_CASE("AtomicFile replaces the old file at commit") {
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

TEST_CASE("AtomicFile without commit changes nothing") {
  const files::Folder folder;
  files::write(folder / "f", "old");
  {
    hone::AtomicFile(folder / "f").write("new");
  }
  CHECK(files::read(folder / "f") == "old");
  CHECK(num_files(folder.path) == 1);
}

TEST_CASE("AtomicFile throws DataError with the reason and the remedy for a path that cannot be written") {
  const files::Folder folder;
  CHECK(failure(folder.path) ==
        folder.path.string() + " cannot be written: it is a directory. Pass the path of a file. Nothing was changed.");
  CHECK(failure(folder / "none" / "f") ==
        (folder / "none" / "f").string() +
            " cannot be written: No such file or directory. Create the directory first. Nothing was changed.");
  files::write(folder / "file", "x");
  CHECK(files::contains(failure(folder / "file" / "f"), "Not a directory. Pass the path of a file."));
  CHECK(files::contains(failure(folder / std::string(300, 'x')), "File name too long. Pass a shorter path."));
  CHECK(files::contains(failure("/proc/f"), "/proc/f cannot be written"));
  CHECK(num_files(folder.path) == 1);
}

TEST_CASE("AtomicFile throws DataError for a folder without write permission") {
  const files::Folder folder;
  files::write(folder / "f", "old");
  files::fs::permissions(folder / "f", files::fs::perms(0666));
  files::fs::permissions(folder.path, files::fs::perms(0555));
  CHECK(without_privileges(
      [&] { return files::contains(failure(folder / "f"), "Permission denied. Choose a writable directory."); }));
  files::fs::permissions(folder.path, files::fs::perms::owner_all);
  CHECK(files::read(folder / "f") == "old");
}

TEST_CASE("a failed write keeps the old file and removes the temporary file") {
  const files::Folder folder;
  files::write(folder / "f", "old");
  // In a child process, because the limit applies to all files of a process.
  const auto child = fork();
  if (child == 0) {
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto text = failure(folder / "f", std::string(10000, 'x'));
    _exit(files::contains(text, "File too large. Free disk space or raise the limit. Nothing was changed.") ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(files::read(folder / "f") == "old");
  CHECK(num_files(folder.path) == 1);
}

TEST_CASE("AtomicFile removes the temporary file of a killed process, and keeps the one of a running process") {
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

TEST_CASE("the last commit of two concurrent writers determines the whole file") {
  const files::Folder folder;
  hone::AtomicFile first(folder / "f"), second(folder / "f");
  first.write("first");
  second.write("second");
  second.commit();
  first.commit();
  CHECK(files::read(folder / "f") == "first");
  CHECK(num_files(folder.path) == 1);
}

TEST_CASE("AtomicFile follows symbolic links and keeps them") {
  const files::Folder folder;
  files::fs::create_directories(folder / "models");
  files::write(folder / "models" / "a", "old");
  files::fs::create_symlink("models/a", folder / "latest");
  files::fs::create_symlink("latest", folder / "chain");
  CHECK(failure(folder / "chain") == "no error");
  CHECK(files::fs::is_symlink(folder / "chain"));
  CHECK(files::fs::is_symlink(folder / "latest"));
  CHECK(files::read(folder / "models" / "a") == "new");

  files::fs::create_symlink("models/b", folder / "dangling");
  CHECK(failure(folder / "dangling") == "no error");
  CHECK(files::fs::is_symlink(folder / "dangling"));
  CHECK(files::read(folder / "models" / "b") == "new");
  CHECK(num_files(folder / "models") == 2);

  files::fs::create_symlink("none/c", folder / "lost");
  CHECK(failure(folder / "lost") ==
        (folder / "lost").string() + " (a link to " + (folder / "none/c").string() +
            ") cannot be written: No such file or directory. Create the directory first. Nothing was changed.");
  CHECK(num_files(folder.path) == 5);
}

TEST_CASE("AtomicFile keeps the mode of a file, and uses the umask for a new file") {
  const files::Folder folder;
  const auto umask_before = ::umask(0027);
  CHECK(failure(folder / "new") == "no error");
  CHECK(mode_of(folder / "new") == 0640U);
  for (const unsigned mode : {0600U, 0666U, 0644U, 0755U}) {
    files::fs::permissions(folder / "new", files::fs::perms(mode));
    CHECK(failure(folder / "new") == "no error");
    CHECK(mode_of(folder / "new") == mode);
  }
  ::umask(umask_before);
}

TEST_CASE("AtomicFile keeps the owner and group of a file if the process has the permission") {
  const files::Folder folder;
  files::write(folder / "f", "old");
  if (geteuid() != 0) {
    WARN("skipped: only root may change the owner of a file");
    return;
  }
  REQUIRE(::chown((folder / "f").c_str(), 1234, 4321) == 0);
  CHECK(failure(folder / "f") == "no error");
  struct stat status{};
  REQUIRE(::stat((folder / "f").c_str(), &status) == 0);
  CHECK((status.st_uid == 1234 && status.st_gid == 4321));

  // A process that cannot keep the group does not grant the group's permissions to its own group.
  files::fs::permissions(folder / "f", files::fs::perms(0662));
  files::fs::permissions(folder.path, files::fs::perms(0777));
  CHECK(without_privileges([&] { return failure(folder / "f") == "no error"; }));
  CHECK(mode_of(folder / "f") == 0622U);
}

TEST_CASE("AtomicFile throws DataError for a write-protected file") {
  const files::Folder folder;
  files::write(folder / "f", "old");
  files::fs::permissions(folder / "f", files::fs::perms(0444));
  files::fs::permissions(folder.path, files::fs::perms(0777));
  CHECK(without_privileges([&] {
    return files::contains(failure(folder / "f"), "Permission denied. Make it writable. Nothing was changed.");
  }));
  CHECK(files::read(folder / "f") == "old");
}

TEST_CASE("AtomicFile writes directly to devices and FIFOs") {
  const files::Folder folder;
  CHECK(failure("/dev/null") == "no error");
  CHECK(files::fs::is_character_file("/dev/null"));
  CHECK(failure("/dev/full") ==
        "/dev/full cannot be written: No space left on device. Free disk space or raise the limit.");
  CHECK(files::fs::is_character_file("/dev/full"));

  REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(files::contains(failure(folder / "fifo"),
                        "No such device or address. Start a process that reads it to the end."));
  std::string bytes;
  std::atomic<bool> is_written{false};
  const int end = ::open((folder / "fifo").c_str(), O_RDONLY | O_NONBLOCK);
  std::thread reader([&] {
    ::fcntl(end, F_SETFL, 0);
    char piece[4096];
    // A read also returns 0 before the writer opens the FIFO.
    for (bool is_last = false; !is_last;) {
      is_last = is_written;
      for (ssize_t size = 0; (size = ::read(end, piece, sizeof piece)) > 0;)
        bytes.append(piece, static_cast<std::size_t>(size));
    }
  });
  CHECK(failure(folder / "fifo", std::string(300000, 'x')) == "no error");
  is_written = true;
  reader.join();
  ::close(end);
  CHECK(bytes == std::string(300000, 'x'));
  CHECK(files::fs::is_fifo(folder / "fifo"));
  CHECK(num_files(folder.path) == 1);

  // A reader that closes early causes an error, not SIGPIPE.
  const int other = ::open((folder / "fifo").c_str(), O_RDONLY | O_NONBLOCK);
  const auto text = files::message([&] {
    hone::AtomicFile file(folder / "fifo");
    ::close(other);
    file.write("new");
  });
  CHECK(files::contains(text, "Broken pipe"));
}

TEST_CASE("AtomicFile accepts names and paths of the maximum length, and throws DataError for a longer path") {
  const files::Folder folder;
  for (const std::size_t size : {200U, 250U, 255U}) {
    const std::string name(size, 'n');
    CHECK(failure(folder / name) == "no error");
    CHECK(files::read(folder / name) == "new");
    files::fs::remove(folder / name);
  }
  /// Returns a path of `size` characters, and creates its directories.
  const auto path_of = [&](std::size_t size) {
    auto deep = folder.path;
    while (deep.string().size() + 1 + 255 < size) deep /= std::string(200, 'd');
    files::fs::create_directories(deep);
    return deep / std::string(size - deep.string().size() - 1, 'n');
  };
  for (const std::size_t size : {std::size_t{300}, std::size_t{PATH_MAX} - 1}) {
    const auto path = path_of(size);
    REQUIRE(path.string().size() == size);
    for (const auto* bytes : {"old", "new"}) {
      CHECK(failure(path, bytes) == "no error");
      CHECK(files::read(path) == bytes);
    }
    files::fs::remove(path);
    CHECK(files::fs::is_empty(path.parent_path()));
  }
  const auto text = failure(path_of(PATH_MAX));
  CHECK(files::contains(text, "File name too long. Pass a shorter path. Nothing was changed."));
}

TEST_CASE("AtomicFile with a long name removes the temporary files of this name, not of another long name") {
  const files::Folder folder;
  const std::string name(250, 'n'), other = std::string(249, 'n') + "m";
  const auto leave = [&](const std::string& of) {
    const auto child = fork();
    if (child == 0) {
      auto* file = new hone::AtomicFile(folder / of);  // never destroyed
      file->write("x");
      _exit(0);
    }
    waitpid(child, nullptr, 0);
  };
  leave(name);
  leave(other);
  CHECK(num_files(folder.path) == 2);
  CHECK(failure(folder / name) == "no error");
  CHECK(num_files(folder.path) == 2);
}

TEST_CASE("another hard link of the replaced file keeps the old contents") {
  const files::Folder folder;
  files::write(folder / "f", "old");
  files::fs::create_hard_link(folder / "f", folder / "other");
  CHECK(failure(folder / "f") == "no error");
  CHECK(files::read(folder / "f") == "new");
  CHECK(files::read(folder / "other") == "old");
}

TEST_CASE("commit throws DataError if the folder was removed or renamed in the meantime") {
  const files::Folder folder;
  files::fs::create_directories(folder / "gone");
  const auto text = files::message([&] {
    hone::AtomicFile file(folder / "gone" / "f");
    file.write("new");
    files::fs::remove_all(folder / "gone");
    file.commit();
  });
  CHECK(files::contains(text, "No such file or directory. Create the directory first."));
  const auto moved = files::message([&] {
    files::fs::create_directories(folder / "moved");
    hone::AtomicFile file(folder / "moved" / "f");
    files::fs::rename(folder / "moved", folder / "elsewhere");
    file.commit();
  });
  CHECK(files::contains(moved, "No such file or directory"));
  CHECK(num_files(folder / "elsewhere") == 0);
}
