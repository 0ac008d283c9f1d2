// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/write_target.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <cstring>

#include "files.hpp"
#include "support/catch.hpp"

using Kind = hone::detail::WriteTarget::Kind;
using hone::detail::write_target;

TEST_CASE("write_target of a path without links is the path") {
  const files::Folder folder;
  const auto missing = write_target(folder / "f");
  CHECK((missing.kind == Kind::file && !missing.exists && missing.path == folder / "f"));
  files::write(folder / "f", "x");
  const auto there = write_target(folder / "f");
  CHECK((there.kind == Kind::file && there.exists && there.path == folder / "f"));
}

TEST_CASE("write_target follows symbolic links: chains, relative, dangling, to other folders") {
  const files::Folder folder;
  files::fs::create_directories(folder / "a");
  files::fs::create_directories(folder / "b");
  files::fs::create_symlink("../b/second", folder / "a" / "first");
  files::fs::create_symlink(folder / "b" / "file", folder / "b" / "second");
  const auto dangling = write_target(folder / "a" / "first");
  CHECK((dangling.kind == Kind::file && !dangling.exists));
  CHECK(dangling.path == folder / "b" / "file");
  files::write(folder / "b" / "file", "x");
  const auto there = write_target(folder / "a" / "first");
  CHECK((there.kind == Kind::file && there.exists && there.path == folder / "b" / "file"));

  files::fs::create_symlink("round", folder / "around");
  files::fs::create_symlink("around", folder / "round");
  const auto loop = write_target(folder / "round");
  CHECK((loop.kind == Kind::refused && loop.error == ELOOP));
}

TEST_CASE("write_target of a path that is not a regular file is a stream or refused") {
  const files::Folder folder;
  CHECK(write_target("/dev/null").kind == Kind::stream);
  REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(write_target(folder / "fifo").kind == Kind::stream);
  files::fs::create_symlink("fifo", folder / "link");
  CHECK(write_target(folder / "link").kind == Kind::stream);

  CHECK(write_target(folder.path).reason == "it is a directory");
  CHECK(write_target("").reason == "the path is empty");
  files::fs::create_directory_symlink(folder.path, folder / "to_folder");
  CHECK(write_target(folder / "to_folder").reason == "it is a directory");

  const int made = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder / "socket").c_str(), sizeof(address.sun_path) - 1);
  REQUIRE(::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  CHECK(write_target(folder / "socket").reason == "it is a socket");
  ::close(made);
}

TEST_CASE("create_folders creates missing folders, or throws DataError with the reason") {
  const files::Folder folder;
  hone::detail::create_folders(folder / "a/b");
  CHECK(files::fs::is_directory(folder / "a/b"));
  hone::detail::create_folders(folder / "a/b");
  hone::detail::create_folders("");
  CHECK(files::contains(
      files::message([] { hone::detail::create_folders("/proc/none/at/all"); }),
      "The directory /proc/none/at/all cannot be created: No such file or directory. Choose a writable directory."));
}

#if defined(__linux__)
TEST_CASE("write_target refuses a path in /proc/self/fd") {
  const files::Folder folder;
  const int file = ::open((folder / "f").c_str(), O_WRONLY | O_CREAT, 0600);
  const auto target = write_target("/proc/self/fd/" + std::to_string(file));
  CHECK((target.kind == Kind::refused && files::contains(target.reason, "open file")));
  ::close(file);
}

TEST_CASE("keep_attributes copies extended attributes") {
  const files::Folder folder;
  files::write(folder / "old", "x");
  if (::setxattr((folder / "old").c_str(), "user.note", "kept", 4, 0) != 0) {
    WARN("skipped: the file system of " << folder.path << " has no user attributes");
    return;
  }
  const int file = ::open((folder / "new").c_str(), O_WRONLY | O_CREAT, 0600);
  hone::detail::keep_attributes(write_target(folder / "old"), file);
  ::close(file);
  char text[8] = {};
  CHECK(::getxattr((folder / "new").c_str(), "user.note", text, sizeof text) == 4);
  CHECK(std::string(text) == "kept");
}
#endif
