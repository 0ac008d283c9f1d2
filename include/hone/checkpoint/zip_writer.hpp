// SPDX-License-Identifier: Apache-2.0
/// A writer of zip archives as PyTorch's: uncompressed records below one directory, aligned to 64 bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hone/checkpoint/checksum.hpp"

namespace hone::detail {

/// Writes records to `Sink`, which has `write(std::span<const std::uint8_t>)`. Deterministic: the same records give the
/// same bytes.
///
/// **Source** PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 4.3; sizes beyond 4 GiB by its zip64 fields.
template <class Sink>
class ZipWriter {
 public:
  explicit ZipWriter(Sink& sink) : sink_(sink) {}

  void add(std::string_view record, std::span<const std::uint8_t> bytes) {
    const std::string name = "archive/" + std::string(record);
    const std::uint64_t begin = place_;
    const bool wide = bytes.size() >= narrow_limit, far = begin >= narrow_limit;

    std::string extra;
    if (wide) put_wide(extra, {bytes.size(), bytes.size()});
    // An extra field with an ID that readers skip fills the gap before the data.
    constexpr std::size_t header_size = 30, alignment = 64;
    const std::size_t gap =
        (alignment - (begin + header_size + name.size() + extra.size() + 4) % alignment) % alignment;
    put<std::uint16_t>(extra, 0x4246);
    put<std::uint16_t>(extra, gap);
    extra.append(gap, 'Z');

    std::string header;
    put<std::uint32_t>(header, 0x04034B50);
    put_common(header, 0, bytes.size(), name.size(), extra.size(), wide);
    send(header + name + extra);

    // Pieces of 128 KiB stay in the cache between checksum and sink. The checksum is written after the data.
    constexpr std::size_t piece = std::size_t{128} << 10U;
    std::uint32_t crc = 0;
    for (std::size_t done = 0; done < bytes.size(); done += piece) {
      const auto part = bytes.subspan(done, std::min(piece, bytes.size() - done));
      crc = crc32(part, crc);
      send(part);
    }
    std::string descriptor;
    put<std::uint32_t>(descriptor, 0x08074B50);
    put<std::uint32_t>(descriptor, crc);
    for (int i = 0; i < 2; ++i) {
      if (wide)
        put<std::uint64_t>(descriptor, bytes.size());
      else
        put<std::uint32_t>(descriptor, bytes.size());
    }
    send(descriptor);
    digest_ = digest_ * 0x9E3779B97F4A7C15U + (std::uint64_t{crc} << 32U ^ bytes.size());

    std::string directory_extra;
    if (wide && far)
      put_wide(directory_extra, {bytes.size(), bytes.size(), begin});
    else if (wide)
      put_wide(directory_extra, {bytes.size(), bytes.size()});
    else if (far)
      put_wide(directory_extra, {begin});
    put<std::uint32_t>(directory_, 0x02014B50);
    put<std::uint16_t>(directory_, made_with);
    put_common(directory_, crc, bytes.size(), name.size(), directory_extra.size(), wide);
    directory_.append(10, '\0');  // no comment, first part, no attributes
    put<std::uint32_t>(directory_, far ? narrow_limit : begin);
    directory_ += name + directory_extra;
    ++count_;
  }

  /// Returns a 64-bit hash of the checksums and sizes of the records so far.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

  /// Writes the directory. Call it once, after the last `add`.
  void finish() {
    const std::uint64_t begin = place_;
    send(directory_);
    std::string end;
    put<std::uint32_t>(end, 0x06064B50);
    put<std::uint64_t>(end, 44);
    put<std::uint16_t>(end, made_with);
    put<std::uint16_t>(end, made_with);
    put<std::uint64_t>(end, 0);
    put<std::uint64_t>(end, count_);
    put<std::uint64_t>(end, count_);
    put<std::uint64_t>(end, directory_.size());
    put<std::uint64_t>(end, begin);
    put<std::uint32_t>(end, 0x07064B50);
    put<std::uint32_t>(end, 0);
    put<std::uint64_t>(end, place_);
    put<std::uint32_t>(end, 1);
    put<std::uint32_t>(end, 0x06054B50);
    put<std::uint32_t>(end, 0);
    const std::uint64_t short_count = count_ < 0xFFFF ? count_ : 0xFFFF;
    put<std::uint16_t>(end, short_count);
    put<std::uint16_t>(end, short_count);
    put<std::uint32_t>(end, directory_.size() < narrow_limit ? directory_.size() : narrow_limit);
    put<std::uint32_t>(end, begin < narrow_limit ? begin : narrow_limit);
    put<std::uint16_t>(end, 0);
    send(end);
  }

 private:
  static constexpr std::uint64_t narrow_limit = 0xFFFFFFFF;
  static constexpr std::uint16_t made_with = 45;  // version 4.5, the first with zip64

  template <class T>
  static void put(std::string& to, std::uint64_t number) {
    for (std::size_t i = 0; i < sizeof(T); ++i) to += static_cast<char>(number >> 8 * i & 0xFFU);
  }
  static void put_wide(std::string& to, std::initializer_list<std::uint64_t> numbers) {
    put<std::uint16_t>(to, 1);
    put<std::uint16_t>(to, 8 * numbers.size());
    for (const auto number : numbers) put<std::uint64_t>(to, number);
  }
  // Writes the fields that a record's local header and its directory entry share.
  static void put_common(std::string& to, std::uint32_t crc, std::uint64_t size, std::size_t name_size,
                         std::size_t extra_size, bool wide) {
    put<std::uint16_t>(to, made_with);
    put<std::uint16_t>(to, 0x0808);  // flags: UTF-8 names, and a data descriptor after the data
    put<std::uint16_t>(to, 0);       // stored
    put<std::uint16_t>(to, 0);       // no time, so that the output is deterministic
    put<std::uint16_t>(to, 0x21);    // 1980-01-01, the first valid date
    put<std::uint32_t>(to, crc);
    put<std::uint32_t>(to, wide ? narrow_limit : size);
    put<std::uint32_t>(to, wide ? narrow_limit : size);
    put<std::uint16_t>(to, name_size);
    put<std::uint16_t>(to, extra_size);
  }

  void send(std::span<const std::uint8_t> bytes) {
    sink_.write(bytes);
    place_ += bytes.size();
  }
  void send(std::string_view text) { send({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}); }

  Sink& sink_;
  std::string directory_;
  std::uint64_t place_ = 0, count_ = 0, digest_ = 0;
};

}  // namespace hone::detail
