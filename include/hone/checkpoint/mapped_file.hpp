// SPDX-License-Identifier: Apache-2.0
/// A file's bytes in memory, and tensor storages over them.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/Storage.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

/// Returns the operating system's message for an error number.
inline std::string error_text(int number) { return std::generic_category().message(number); }

/// The bytes of a file in this process's memory: writes to them never change the file. A file of up to 64 MiB is read
/// completely, so later changes to it have no effect; a larger one is mapped privately. A mapped file must not be
/// truncated or overwritten in place during the lifetime of the object; replacing it by a rename is safe.
///
/// **Cost** no copy of a mapped file.
/// **Errors** `DataError` if the path is not a readable regular file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path) : path_(path) {
    // Without O_NONBLOCK, opening a FIFO blocks until it has a writer.
    file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file_ < 0) fail(error_text(errno));
    if (::fstat(file_, &status_) != 0) fail(error_text(errno));
    if (S_ISDIR(status_.st_mode)) fail("it is a directory");
    if (!S_ISREG(status_.st_mode)) fail("it is not a regular file");
    size_ = static_cast<std::size_t>(status_.st_size);
    if (size_ == 0) return;
    constexpr std::size_t most_read = std::size_t{64} << 20U;
    const bool is_mapped = size_ > most_read;
    data_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | (is_mapped ? MAP_NORESERVE : MAP_ANONYMOUS),
                   is_mapped ? file_ : -1, 0);
    if (data_ == MAP_FAILED) fail(error_text(errno));
    if (is_mapped) {
      ::madvise(data_, size_, MADV_WILLNEED);
    } else {
      read_all();
    }
  }
  ~MappedFile() { release(); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {static_cast<std::uint8_t*>(data_), size_}; }

  /// Throws if the file was changed since it was opened: its contents may be inconsistent then. Call it once, after the
  /// last read.
  ///
  /// **Errors** `DataError` whose message lacks the file's name, its subject; the caller prepends it.
  void require_unchanged() {
    struct stat now{};
    const bool is_known = ::fstat(file_, &now) == 0;
    ::close(std::exchange(file_, -1));
    if (is_known && now.st_size == status_.st_size && modified(now) == modified(status_)) return;
    throw DataError("was changed while it was read. Read it again when it is complete.");
  }

 private:
  static std::pair<std::int64_t, std::int64_t> modified(const struct stat& status) {
#if defined(__APPLE__)
    return {status.st_mtimespec.tv_sec, status.st_mtimespec.tv_nsec};
#else
    return {status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
#endif
  }

  void read_all() {
    for (std::size_t place = 0; place < size_;) {
      const auto done = ::read(file_, static_cast<std::uint8_t*>(data_) + place, size_ - place);
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) fail(error_text(errno));
      if (done == 0) fail("it was truncated while it was read");
      place += static_cast<std::size_t>(done);
    }
  }

  void release() {
    if (file_ >= 0) ::close(std::exchange(file_, -1));
    if (data_ != nullptr && data_ != MAP_FAILED) ::munmap(data_, size_);
    data_ = nullptr;
  }
  [[noreturn]] void fail(const std::string& why) {
    release();
    throw DataError(
        format_message("{} cannot be read: {}. Check the path and its permissions.", {path_.string(), why}));
  }

  std::filesystem::path path_;
  int file_ = -1;
  struct stat status_{};
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Returns a storage over `bytes`, a part of `file`, whose ownership it shares. Copies bytes that do not begin at a
/// multiple of `alignment`; the default is the alignment of the widest element, complex128.
inline c10::Storage storage_in(const std::shared_ptr<MappedFile>& file, std::span<const std::uint8_t> bytes,
                               std::size_t alignment = 16) {
  const auto storage = [&](c10::DataPtr data) {
    return c10::Storage(c10::Storage::use_byte_size_t(), bytes.size(), std::move(data), nullptr, false);
  };
  if (bytes.empty() || reinterpret_cast<std::uintptr_t>(bytes.data()) % alignment != 0) {
    auto copy = c10::GetAllocator(c10::kCPU)->allocate(bytes.size());
    if (!bytes.empty()) std::memcpy(copy.get(), bytes.data(), bytes.size());
    return storage(std::move(copy));
  }
  auto* keeper = new std::shared_ptr<MappedFile>(file);
  const auto release = [](void* held) { delete static_cast<std::shared_ptr<MappedFile>*>(held); };
  return storage({const_cast<std::uint8_t*>(bytes.data()), keeper, release, c10::Device(c10::kCPU)});
}

}  // namespace hone::detail
