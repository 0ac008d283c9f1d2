// SPDX-License-Identifier: Apache-2.0
/// An exclusive lock on a folder, so that no two runs write to the same one.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "hone/core/error.hpp"

namespace hone {

/// Locks a folder exclusively while the object lives, with `flock` on the file `.lock` in it. Creates the folder if it
/// is missing. The operating system releases the lock when the process ends, in any way. A file system that does not
/// support `flock` gives no protection.
///
/// **Errors** `DataError` when the folder is locked by another object, cannot be created or written to, or is a file.
class DirectoryLock {
 public:
  /// Locks the folder.
  explicit DirectoryLock(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    std::error_code other;
    if (!std::filesystem::is_directory(folder, other)) {
      throw DataError("Cannot create the folder " + folder.string() + ": " +
                      (std::filesystem::exists(folder, other) ? "a file has that name" : error.message()) +
                      ". Choose another folder.");
    }
    file_ = ::open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file_ < 0) {
      throw DataError("Cannot write to the folder " + folder.string() + ": " + std::generic_category().message(errno) +
                      ". Choose another folder.");
    }
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(file_);
      throw DataError("Another run is saving to the folder " + folder.string() +
                      ". Use a separate folder for each run.");
    }
  }
  DirectoryLock(DirectoryLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock() {
    if (file_ >= 0) ::close(file_);
  }

 private:
  int file_ = -1;
};

}  // namespace hone
