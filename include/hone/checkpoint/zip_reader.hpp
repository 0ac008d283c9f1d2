// SPDX-License-Identifier: Apache-2.0
/// A reader of the zip archives that PyTorch writes: uncompressed records below one directory.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/checkpoint/checksum.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

static_assert(std::endian::native == std::endian::little,
              "hone: checkpoints are little-endian files. Compile for a little-endian machine.");

/// Reads the directory of an untrusted archive in memory. Checks every size and offset against the size of the file,
/// and that records do not overlap. Returns views of the file, which must outlive the reader, and never decompresses.
///
/// **Errors** `DataError` whose message lacks the file's name, its subject; the caller prepends it.
/// **Source** PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 4.3.
class ZipReader {
 public:
  explicit ZipReader(std::span<const std::uint8_t> file) : file_(file) {
    const auto directory = find_directory();
    read_directory(directory);
    refuse_overlaps();
  }

  [[nodiscard]] bool contains(std::string_view name) const {
    return records_.find(folder_ + std::string(name)) != records_.end();
  }

  /// Verifies the checksum of a record, and returns its bytes.
  [[nodiscard]] std::span<const std::uint8_t> record(std::string_view name) const {
    const auto found = records_.find(folder_ + std::string(name));
    if (found == records_.end()) {
      throw DataError(format_message("has no record '{}', which its contents need. Write the file again.", {name}));
    }
    return checked(name, found->second);
  }

  /// Verifies the checksum of every record.
  void check_all() const {
    for (const auto& [name, record] : records_) checked(name, record);
  }

 private:
  struct Record {
    std::size_t begin, data, size;
    std::uint32_t crc;
  };
  struct Directory {
    std::uint64_t begin, size, count;
  };

  std::span<const std::uint8_t> checked(std::string_view name, const Record& record) const {
    const auto bytes = file_.subspan(record.data, record.size);
    if (crc32(bytes) != record.crc) {
      throw DataError(format_message(
          "is damaged: the checksum of its record '{}' is wrong. Use another copy, saved with checksums, the "
          "default of torch.save.",
          {name}));
    }
    return bytes;
  }

  [[noreturn]] static void refuse(std::string_view what) {
    throw DataError(format_message("is damaged: {}. Use another copy.", {what}));
  }

  /// Returns the little-endian number at `place`. Precondition: its bytes are in the file.
  template <class T>
  [[nodiscard]] T number(std::size_t place) const {
    T value;
    std::memcpy(&value, file_.data() + place, sizeof(T));
    return value;
  }

  [[nodiscard]] Directory find_directory() const {
    constexpr std::size_t end_size = 22, most_comment = 0xFFFF;
    if (file_.size() < 4 || number<std::uint32_t>(0) != 0x04034B50) {
      const bool is_pickle = file_.size() >= 2 && file_[0] == 0x80 && file_[1] <= 5;
      throw DataError(is_pickle
                          ? "is in the format of torch.save before PyTorch 1.6. Load it in Python and save it again."
                      : file_.empty() ? "is empty. Use another copy."
                                      : "is not a zip archive. Pass a file that torch.save wrote.");
    }
    const std::size_t first = file_.size() < end_size + most_comment ? 0 : file_.size() - end_size - most_comment;
    for (std::size_t place = file_.size() < end_size ? 0 : file_.size() - end_size + 1; place-- > first;) {
      if (number<std::uint32_t>(place) != 0x06054B50) continue;
      if (number<std::uint16_t>(place + 20) != file_.size() - place - end_size) continue;
      return directory_at(place);
    }
    refuse("it is truncated and lacks the directory at its end");
  }

  [[nodiscard]] Directory directory_at(std::size_t end) const {
    Directory directory{number<std::uint32_t>(end + 16), number<std::uint32_t>(end + 12),
                        number<std::uint16_t>(end + 10)};
    bool in_parts = number<std::uint32_t>(end + 4) != 0 || number<std::uint16_t>(end + 8) != directory.count;
    constexpr std::size_t locator_size = 20, wide_size = 56;
    if (end >= locator_size + wide_size && number<std::uint32_t>(end - locator_size) == 0x07064B50) {
      const auto place = number<std::uint64_t>(end - locator_size + 8);
      end -= locator_size;
      if (place > end - wide_size || number<std::uint32_t>(place) != 0x06064B50)
        refuse("its directory is not at the recorded offset");
      directory = {number<std::uint64_t>(place + 48), number<std::uint64_t>(place + 40),
                   number<std::uint64_t>(place + 32)};
      in_parts = number<std::uint64_t>(place + 16) != 0 || number<std::uint64_t>(place + 24) != directory.count;
      end = place;
    }
    if (in_parts) refuse("it is one part of a split archive");
    if (directory.begin > end || directory.size != end - directory.begin)
      refuse("the recorded size of its directory is wrong");
    constexpr std::size_t entry_size = 46;
    if (directory.count > directory.size / entry_size) refuse("its directory is too small for its number of records");
    return directory;
  }

  void read_directory(const Directory& directory) {
    const std::size_t end = directory.begin + directory.size;
    std::size_t place = directory.begin;
    for (std::uint64_t i = 0; i < directory.count; ++i) {
      constexpr std::size_t entry_size = 46;
      if (end - place < entry_size || number<std::uint32_t>(place) != 0x02014B50) refuse("its directory is truncated");
      const std::size_t name_size = number<std::uint16_t>(place + 28), extra_size = number<std::uint16_t>(place + 30),
                        comment_size = number<std::uint16_t>(place + 32);
      if (end - place - entry_size < name_size + extra_size + comment_size) refuse("its directory is truncated");
      const auto name = text(place + entry_size, name_size);
      if ((number<std::uint16_t>(place + 8) & 1U) != 0) {
        throw DataError(
            format_message("has the record '{}', which is encrypted. Pass a file that torch.save wrote.", {name}));
      }
      // The code of a TorchScript archive is compressed. It is skipped.
      const bool is_compressed = number<std::uint16_t>(place + 10) != 0, is_code = name.find("/code/") != name.npos;
      if (is_compressed && !is_code) {
        throw DataError(format_message(
            "has the record '{}', which is compressed. Pass the file as torch.save wrote it, without compression.",
            {name}));
      }
      if (!is_compressed) add(name, place, place + entry_size + name_size, extra_size, directory.begin);
      place += entry_size + name_size + extra_size + comment_size;
    }
    if (place != end) refuse("its directory is longer than its list of records");
  }

  void add(const std::string& name, std::size_t entry, std::size_t extra, std::size_t extra_size, std::size_t limit) {
    const auto broken = [&] { refuse(format_message("the sizes of its record '{}' are wrong", {name})); };
    std::uint64_t packed = number<std::uint32_t>(entry + 20), size = number<std::uint32_t>(entry + 24),
                  begin = number<std::uint32_t>(entry + 42);
    constexpr std::uint64_t elsewhere = 0xFFFFFFFF;  // the 64-bit number is in the extra field
    for (std::size_t end = extra + extra_size; end - extra >= 4;) {
      const std::size_t id = number<std::uint16_t>(extra), field_size = number<std::uint16_t>(extra + 2);
      extra += 4;
      if (field_size > end - extra) broken();
      std::size_t used = 0;
      for (auto* wide : {&size, &packed, &begin}) {
        if (id != 1 || *wide != elsewhere) continue;
        if (field_size - used < 8) broken();
        *wide = number<std::uint64_t>(extra + used);
        used += 8;
      }
      extra += field_size;
    }
    constexpr std::size_t header_size = 30;
    if (packed != size || begin > limit || limit - begin < header_size || number<std::uint32_t>(begin) != 0x04034B50)
      broken();
    const std::size_t name_size = number<std::uint16_t>(begin + 26),
                      data = begin + header_size + name_size + number<std::uint16_t>(begin + 28);
    if (data > limit || size > limit - data) broken();
    if (text(begin + header_size, name_size) != name)
      refuse(format_message("its record '{}' has another name in its local header", {name}));
    if (records_.empty()) folder_ = name.substr(0, name.find('/') + 1);
    const Record record{begin, data, size, number<std::uint32_t>(entry + 16)};
    if (!records_.emplace(name, record).second) refuse(format_message("it has two records '{}'", {name}));
  }

  // With overlapping records, a small file could expand to much memory.
  void refuse_overlaps() const {
    std::vector<std::pair<std::size_t, std::size_t>> extents;
    for (const auto& [name, record] : records_) extents.emplace_back(record.begin, record.data + record.size);
    std::sort(extents.begin(), extents.end());
    for (std::size_t i = 1; i < extents.size(); ++i) {
      if (extents[i].first < extents[i - 1].second) refuse("two of its records overlap");
    }
  }

  [[nodiscard]] std::string text(std::size_t place, std::size_t size) const {
    return {reinterpret_cast<const char*>(file_.data()) + place, size};
  }

  std::span<const std::uint8_t> file_;
  std::map<std::string, Record, std::less<>> records_;
  std::string folder_;
};

}  // namespace hone::detail
