// SPDX-License-Identifier: Apache-2.0
/// A file's bytes as memory, and tensors that lie in it.
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
#include "hone/core/sentence.hpp"

namespace hone::detail {

/// The words of the operating system for an error number.
inline std::string error_text(int number) { return std::generic_category().message(number); }

/// The bytes of a file, mapped into memory privately: whoever writes to them changes memory, never the file.
///
/// **Cost** no copy. The file must not be cut short while it is mapped; what replaces it by renaming does no harm.
/// **Errors** `DataError` when the path is no readable file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path) {
    const auto fail = [&](const std::string& why) {
      throw DataError(sentence("{} cannot be read: {}. Check the path and its permissions.", {path.string(), why}));
    };
    // Without O_NONBLOCK, opening a pipe would wait for its other end.
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) fail(error_text(errno));
    struct stat status{};
    const bool is_file = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    size_ = is_file ? static_cast<std::size_t>(status.st_size) : 0;
    if (size_ > 0) data_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
    const int error = errno;
    ::close(file);
    if (!is_file) fail("it is no regular file");
    if (size_ > 0 && data_ == MAP_FAILED) fail(error_text(error));
    if (size_ > 0) ::madvise(data_, size_, MADV_WILLNEED);
  }
  ~MappedFile() {
    if (size_ > 0) ::munmap(data_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {static_cast<std::uint8_t*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A storage made of `bytes`, which lie in `file`; the file stays mapped as long as the storage lives. Bytes that do
/// not begin at a multiple of `alignment` (by default that of the widest element, complex128) are copied.
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
