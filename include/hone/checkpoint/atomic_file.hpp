// SPDX-License-Identifier: Apache-2.0
/// A file that is there whole or not at all.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

/// Writes a file under a temporary name in the same folder; `commit` brings it to the disk and gives it its name. Until
/// then, and when anything fails or the process dies, the file of that name stays as it was. A temporary file that a
/// killed process left behind goes away when the same file is written again; a lock tells it from one in use, so that
/// two processes may write into one folder, even the same file: one of the two files wins, whole.
///
/// **Cost** two waits for the disk in `commit`.
/// **Errors** `DataError` with the path and the reason; the temporary file is gone then.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
    folder_ = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    std::error_code error;
    if (!path_.has_filename() || std::filesystem::is_directory(path_, error)) fail("it is a folder", EISDIR);
    remove_leftovers();
    create();
  }
  ~AtomicFile() {
    if (file_ >= 0) discard();
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Adds bytes at the end.
  void write(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      // As `cp` does: measured on ext4, calls of 16 MiB take up to nine times as long as pieces of 128 KiB.
      constexpr std::size_t most = std::size_t{128} << 10U;
      const auto done = ::write(file_, bytes.data(), std::min(bytes.size(), most));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) fail_with(errno);
      bytes = bytes.subspan(static_cast<std::size_t>(done));
      size_ += done;
      start_storing();
    }
  }
  void write(std::string_view text) { write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}); }

  /// Makes the file appear, replacing the one that was there.
  void commit() {
    if (::fsync(file_) != 0) fail_with(errno);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_with(errno);
    ::close(std::exchange(file_, -1));
    // The new name is on the disk once the folder is. Some file systems cannot sync a folder and say so.
    const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = folder >= 0 && (::fsync(folder) == 0 || errno == EINVAL);
    const int error = errno;
    if (folder >= 0) ::close(folder);
    if (!synced && folder >= 0) fail_with(error);
  }

 private:
  static bool lock(int file) { return ::flock(file, LOCK_EX | LOCK_NB) == 0; }

  [[nodiscard]] std::string prefix() const { return "." + path_.filename().string() + "."; }

  void create() {
    static std::atomic<unsigned> count{0};
    for (int attempt = 0;; ++attempt) {
      std::uint32_t random = 0;
      if (::getentropy(&random, sizeof random) != 0) fail_with(errno);
      temporary_ =
          folder_ / sentence("{}{}-{}-{}.tmp", {prefix(), ::getpid(), count++, detail::zero_filled(random, 8, 16)});
      file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (file_ < 0 && (errno != EEXIST || attempt == 100)) fail_with(errno);
      if (file_ < 0) continue;
      // Between creation and lock, another process may have taken the file for a leftover.
      struct stat status{};
      const bool locked = lock(file_) || errno != EWOULDBLOCK;
      if (locked && ::fstat(file_, &status) == 0 && status.st_nlink > 0) return;
      discard();
    }
  }

  void remove_leftovers() const {
    std::error_code error;
    const auto begin = prefix();
    for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end;
         entry.increment(error)) {
      const auto name = entry->path().filename().string();
      if (!name.starts_with(begin) || !name.ends_with(".tmp")) continue;
      const int file = ::open(entry->path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
      if (file < 0) continue;
      if (lock(file)) ::unlink(entry->path().c_str());
      ::close(file);
    }
  }

  // The disk works while the rest is written, so that `commit` waits for little.
  void start_storing() {
#if defined(__linux__)
    constexpr off_t step = off_t{8} << 20U;
    if (size_ - storing_ < step) return;
    ::sync_file_range(file_, storing_, size_ - storing_, SYNC_FILE_RANGE_WRITE);  // a hint: errors come out in fsync
    storing_ = size_;
#endif
  }

  void discard() {
    ::close(std::exchange(file_, -1));
    ::unlink(temporary_.c_str());
  }

  [[noreturn]] void fail_with(int number) { fail(std::generic_category().message(number), number); }
  [[noreturn]] void fail(const std::string& reason, int number) {
    if (file_ >= 0) discard();
    const std::string_view remedy = number == ENOSPC || number == EDQUOT || number == EFBIG ? "Make room"
                                    : number == ENOENT                                      ? "Create the folder first"
                                    : number == EISDIR || number == ENOTDIR || number == ENAMETOOLONG
                                        ? "Give the path of a file"
                                        : "Choose a folder that may be written to";
    throw DataError(sentence("{} cannot be written: {}. {}. Nothing was changed.", {path_.string(), reason, remedy}));
  }

  std::filesystem::path path_, folder_, temporary_;
  int file_ = -1;
  off_t size_ = 0, storing_ = 0;
};

}  // namespace hone
