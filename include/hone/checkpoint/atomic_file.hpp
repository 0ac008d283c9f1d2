// SPDX-License-Identifier: Apache-2.0
/// Atomic replacement of a file.
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

#include "hone/checkpoint/write_signals.hpp"
#include "hone/checkpoint/write_target.hpp"
#include "hone/core/error.hpp"
#include "hone/core/fnv1a.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

/// Writes a file under a temporary name in the same directory; `commit` syncs it and renames it to its final name.
/// Until the rename, the previous file is unchanged, also after an error or a crash. The next write to the same path
/// removes the temporary file of a killed process. A file lock (`flock`) protects temporary files in use, so processes
/// may write to one directory, and even to one path, concurrently: the last `commit` replaces the whole file.
///
/// A symbolic link is followed and stays a link. The new file keeps the mode, the access control list and the user
/// attributes of the file that it replaces, and owner and group if the process is permitted to set them; without such a
/// file, it follows the umask. Other hard links to the replaced file keep the old contents. Throws for a
/// write-protected file, a directory, a socket or a block device. Writes directly to a character device (`/dev/null`)
/// or a FIFO.
///
/// **Cost** two `fsync` calls in `commit`: for the file and for its directory.
/// **Errors** `DataError` with the path and the reason; the temporary file is removed. If only the `fsync` of the
/// directory fails, the file is already replaced.
class AtomicFile {
 public:
  /// Creates the temporary file, and removes temporary files of processes that no longer run.
  explicit AtomicFile(std::filesystem::path path) : path_(std::move(path)), target_(detail::write_target(path_)) {
    if (target_.kind == Kind::refused) fail(target_.reason, target_.error);
    if (target_.kind == Kind::stream) {
      open_stream();
      return;
    }
    open_folder();
    remove_leftovers();
    create();
  }
  ~AtomicFile() {
    discard();
    if (folder_ >= 0) ::close(folder_);
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends bytes. Raises neither SIGXFSZ nor SIGPIPE.
  void write(std::span<const std::uint8_t> bytes) {
    const detail::WriteSignals no_signals;
    while (!bytes.empty()) {
      // The size that `cp` uses. Measured on ext4, calls of 16 MiB are up to nine times slower than 128 KiB.
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

  /// Syncs the file and renames it to its final name, replacing the previous file. Call it last.
  void commit() {
    if (target_.kind == Kind::stream) {
      if (::close(std::exchange(file_, -1)) != 0 && errno != EINTR) fail_with(errno);
      return;
    }
    if (!synced(file_)) fail_with(errno);
    if (::renameat(folder_, temporary_.c_str(), AT_FDCWD, target_.path.c_str()) != 0) fail_with(errno);
    ::close(std::exchange(file_, -1));  // the data is synced, so an error of `close` does not matter
    if (synced(folder_)) return;
    throw DataError(format_message(
        "{} was written, but its directory could not be synced: {}. Check the disk. After a crash of the "
        "machine, the previous file may be there again.",
        {path_.string(), std::generic_category().message(errno)}));
  }

 private:
  using Kind = detail::WriteTarget::Kind;

  static bool lock(int file) { return ::flock(file, LOCK_EX | LOCK_NB) == 0; }

  // True if the file is synced, or if `fsync` is unsupported, as by some file systems and for `O_PATH` descriptors.
  static bool synced(int file) {
    int result = 0;
    while ((result = ::fsync(file)) != 0 && errno == EINTR) {
    }
    return result == 0 || errno == EINVAL || errno == ENOTSUP || errno == EBADF;
  }

  void open_stream() {
    // Without O_NONBLOCK, opening a FIFO blocks until it has a reader.
    file_ = ::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file_ < 0) fail_with(errno);
    const int flags = ::fcntl(file_, F_GETFL);
    if (flags < 0 || ::fcntl(file_, F_SETFL, flags & ~O_NONBLOCK) != 0) fail_with(errno);
  }

  void open_folder() {
    const auto folder = folder_path();
    do folder_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (folder_ < 0 && errno == EINTR);
#if defined(O_PATH)
    if (folder_ < 0 && errno == EACCES) folder_ = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
#endif
    if (folder_ < 0) fail_with(errno);
  }
  [[nodiscard]] std::filesystem::path folder_path() const {
    return target_.path.has_parent_path() ? target_.path.parent_path() : std::filesystem::path(".");
  }

  /// Returns the prefix of the temporary files' names: the file's name, or its hash if the name is too long to extend.
  [[nodiscard]] std::string prefix() const {
    constexpr std::size_t most_added = 40;  // dots, process, count, random digits, ".tmp"
    const long limit = ::fpathconf(folder_, _PC_NAME_MAX);
    std::string name = target_.path.filename().string();
    if (name.size() + most_added > static_cast<std::size_t>(limit > 0 ? limit : 255)) {
      name = detail::zero_filled(detail::fnv1a(name), 16, 16);
    }
    return "." + name + ".";
  }

  void create() {
    static std::atomic<unsigned> count{0};
    const mode_t mode = target_.exists ? 0600 : 0666;  // never wider than the final mode
    for (int attempt = 0;; ++attempt) {
      std::uint32_t random = 0;
      if (::getentropy(&random, sizeof random) != 0) fail_with(errno);
      temporary_ =
          format_message("{}{}-{}-{}.tmp", {prefix(), ::getpid(), count++, detail::zero_filled(random, 8, 16)});
      file_ = ::openat(folder_, temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
      if (file_ < 0 && ((errno != EEXIST && errno != EINTR) || attempt == 100)) fail_with(errno);
      if (file_ < 0) continue;
      // Between creation and lock, another process may have removed the file as a leftover.
      struct stat status{};
      const bool locked = lock(file_) || errno != EWOULDBLOCK;
      if (locked && ::fstat(file_, &status) == 0 && status.st_nlink > 0) break;
      discard();
    }
    if (target_.exists) detail::keep_attributes(target_, file_);
  }

  void remove_leftovers() const {
    std::error_code error;
    const auto begin = prefix();
    for (std::filesystem::directory_iterator entry(folder_path(), error), end; !error && entry != end;
         entry.increment(error)) {
      const auto name = entry->path().filename().string();
      if (!name.starts_with(begin) || !name.ends_with(".tmp")) continue;
      const int file = ::openat(folder_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
      if (file < 0) continue;
      if (lock(file)) ::unlinkat(folder_, name.c_str(), 0);
      ::close(file);
    }
  }

  // Starts writeback every 8 MiB, so that `fsync` in `commit` has little left to write.
  void start_storing() {
#if defined(__linux__)
    constexpr off_t step = off_t{8} << 20U;
    if (size_ - storing_ < step || target_.kind == Kind::stream) return;
    ::sync_file_range(file_, storing_, size_ - storing_, SYNC_FILE_RANGE_WRITE);  // a hint: fsync reports errors
    storing_ = size_;
#endif
  }

  void discard() {
    if (file_ < 0) return;
    ::close(std::exchange(file_, -1));
    if (target_.kind == Kind::file) ::unlinkat(folder_, temporary_.c_str(), 0);
  }

  [[nodiscard]] static std::string_view remedy(int error) {
    switch (error) {
      case ENOSPC:
      case EDQUOT:
      case EFBIG:
        return "Free disk space or raise the limit";
      case ENOENT:
        return "Create the directory first";
      case EISDIR:
      case ENOTDIR:
      case ELOOP:
        return "Pass the path of a file";
      case ENAMETOOLONG:
        return "Pass a shorter path";
      case EIO:
        return "Check the disk";
      case ENXIO:
      case EPIPE:
        return "Start a process that reads it to the end";
      case EROFS:
      case EACCES:
      case EPERM:
        return "Choose a writable directory";
      default:
        return "Choose a directory on another file system";
    }
  }
  [[noreturn]] void fail_with(int error) { fail(std::generic_category().message(error), error); }
  [[noreturn]] void fail(const std::string& reason, int error) {
    discard();
    if (folder_ >= 0) ::close(std::exchange(folder_, -1));
    const bool is_write_protected = error == EACCES && target_.kind == Kind::refused && target_.exists;
    const auto end = target_.kind == Kind::stream ? "" : " Nothing was changed.";
    const auto where = target_.path == path_
                           ? path_.string()
                           : format_message("{} (a link to {})", {path_.string(), target_.path.string()});
    throw DataError(format_message("{} cannot be written: {}. {}.{}",
                                   {where, reason, is_write_protected ? "Make it writable" : remedy(error), end}));
  }

  std::filesystem::path path_;
  detail::WriteTarget target_;
  std::string temporary_;
  int folder_ = -1, file_ = -1;
  off_t size_ = 0, storing_ = 0;
};

}  // namespace hone
