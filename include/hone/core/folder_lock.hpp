// SPDX-License-Identifier: Apache-2.0
/// One run to a folder.
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

/// Holds a folder as long as it lives; makes the folder where it is missing. When a process ends, however that happens,
/// its folders are free again. The lock is that of the file `.lock` in the folder.
///
/// **Errors** `DataError` when the folder is held already, cannot be made, or is a file.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    std::error_code other;
    if (!std::filesystem::is_directory(folder, other)) {
      throw DataError("The folder " + folder.string() + " cannot be made: " +
                      (std::filesystem::exists(folder, other) ? "a file has that name" : error.message()) +
                      ". Choose another one.");
    }
    file_ = ::open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file_ < 0) {
      throw DataError("Nothing can be written into the folder " + folder.string() + ": " +
                      std::generic_category().message(errno) + ". Choose another one.");
    }
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(file_);
      throw DataError("Another run is saving into the folder " + folder.string() + ". Give each run its own.");
    }
  }
  FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock() {
    if (file_ >= 0) ::close(file_);
  }

 private:
  int file_ = -1;
};

}  // namespace hone
