// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/idx.hpp"
#include "hone/data/tensor_dataset.hpp"

namespace hone {

namespace detail {

/// Reads a file sequentially and decompresses it if it is gzip-compressed.
class PackedFile {
 public:
  explicit PackedFile(const std::filesystem::path& path) : name_(path.string()) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
      fail("does not exist or is not a file. Check the path.");
    }
    stored_bytes_ = static_cast<std::uint64_t>(std::filesystem::file_size(path, error));
    file_.reset(gzopen(path.c_str(), "rb"));
    if (file_ == nullptr || error) fail("cannot be opened. Check its permissions.");
  }

  /// Reads into `bytes` and returns the number of bytes read, below `bytes.size()` only at the end of the file.
  std::uint64_t read(std::span<std::uint8_t> bytes) {
    std::uint64_t done = 0;
    while (done < bytes.size()) {
      constexpr std::uint64_t most = 1U << 30U;
      const int got =
          gzread(file_.get(), bytes.data() + done, static_cast<unsigned>(std::min(bytes.size() - done, most)));
      int status = Z_OK;
      const std::string_view reason = gzerror(file_.get(), &status);
      if (got < 0 || (status != Z_OK && status != Z_STREAM_END)) {
        fail(format_message("is damaged ({}). Download it again.", {explain(status, reason)}));
      }
      if (got == 0) break;
      done += static_cast<std::uint64_t>(got);
    }
    return done;
  }

  /// Returns an upper bound of the decompressed size in bytes: deflate compresses at most 1032 to 1.
  [[nodiscard]] std::uint64_t most_bytes() const { return to_bytes() ? stored_bytes_ * 1032 : stored_bytes_; }
  [[nodiscard]] bool to_bytes() const { return gzdirect(file_.get()) == 0; }

  [[noreturn]] void fail(const std::string& what) const { throw DataError(format_message("{} {}", {name_, what})); }

 private:
  static std::string_view explain(int status, std::string_view reason) {
    if (status == Z_BUF_ERROR) return "the compressed data ends too early";
    return reason.substr(reason.rfind(": ") == std::string_view::npos ? 0 : reason.rfind(": ") + 2);
  }

  struct Close {
    void operator()(gzFile_s* file) const { gzclose(file); }
  };

  std::string name_;
  std::uint64_t stored_bytes_ = 0;
  std::unique_ptr<gzFile_s, Close> file_;
};

}  // namespace detail

HONE_INLINE at::Tensor read_idx(const std::filesystem::path& path) {
  detail::PackedFile file(path);
  std::array<std::uint8_t, 4> magic{};
  if (file.read(magic) < magic.size()) file.fail("ends within its header. Download it again.");
  if (magic[0] != 0 || magic[1] != 0) {
    file.fail(
        format_message("is not an IDX file: it starts with the bytes {} {}, not 00 00. Pass an IDX file, uncompressed "
                       "or compressed with gzip.",
                       {detail::zero_filled(magic[0], 2, 16), detail::zero_filled(magic[1], 2, 16)}));
  }
  if (magic[2] != 0x08) {
    file.fail(format_message("has elements of type 0x{}. Pass an IDX file of unsigned bytes, type 0x08.",
                             {detail::zero_filled(magic[2], 2, 16)}));
  }
  if (magic[3] < 1 || magic[3] > 8) {
    file.fail(format_message("has {} dimensions according to its header. Pass an IDX file with 1 to 8 dimensions.",
                             {magic[3]}));
  }

  std::vector<std::int64_t> sizes(magic[3]);
  std::string shape;
  std::uint64_t elements = 1;
  constexpr auto beyond_counting = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  for (auto& size : sizes) {
    std::array<std::uint8_t, 4> bytes{};
    if (file.read(bytes) < bytes.size()) file.fail("ends within its header. Download it again.");
    for (const auto byte : bytes) size = size * 256 + byte;
    shape += format_message("{}{}", {shape.empty() ? "" : " x ", size});
    const auto count = static_cast<std::uint64_t>(size);
    elements = count > 0 && elements > beyond_counting / count ? beyond_counting : elements * count;
  }
  if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) {
    file.fail(format_message("is empty: its header has the shape {}. Pass a file with data.", {shape}));
  }

  const auto header_bytes = magic.size() + 4 * sizes.size();
  const auto check_length = [&](std::uint64_t found) {
    if (found < elements) {
      file.fail(format_message(
          "is truncated: its {} elements need {} bytes after the header, but there are {}{}. Download it again.",
          {shape, elements == beyond_counting ? "more than 2^63" : std::to_string(elements),
           file.to_bytes() && found == file.most_bytes() ? "at most " : "", found}));
    }
  };
  check_length(file.to_bytes() ? file.most_bytes() : file.most_bytes() - header_bytes);  // before the allocation
  auto tensor = at::empty(sizes, at::kByte);
  check_length(file.read({tensor.mutable_data_ptr<std::uint8_t>(), elements}));
  std::array<std::uint8_t, 1> more{};
  if (file.read(more) > 0) {
    file.fail(format_message("has data after its {} elements ({} bytes). Download it again.", {shape, elements}));
  }
  return tensor;
}

namespace detail {

HONE_INLINE std::filesystem::path find_idx(const std::filesystem::path& folder, std::string_view name,
                                           std::string_view type) {
  std::string tried;
  for (const char separator : {'-', '.'}) {
    for (const std::string_view ending : {"", ".gz"}) {
      const auto file = format_message("{}{}{}{}", {name, separator, type, ending});
      std::error_code error;
      if (std::filesystem::is_regular_file(folder / file, error)) return folder / file;
      tried += format_message("{}{}", {tried.empty() ? "" : ", ", file});
    }
  }
  throw DataError(format_message("{}: this folder has none of {}. Pass the folder with the four MNIST files.",
                                 {folder.string(), tried}));
}

HONE_INLINE Mnist::Dataset read_digits(const std::filesystem::path& folder, std::string_view part) {
  const auto image_file = find_idx(folder, format_message("{}-images", {part}), "idx3-ubyte");
  const auto label_file = find_idx(folder, format_message("{}-labels", {part}), "idx1-ubyte");
  const auto images = read_idx(image_file);
  const auto labels = read_idx(label_file);
  if (images.dim() != 3 || images.size(1) != 28 || images.size(2) != 28) {
    std::string shape;
    for (const auto size : images.sizes()) shape += format_message("{}{}", {shape.empty() ? "" : " x ", size});
    throw DataError(format_message("{} has the shape {}. Pass images of 28 x 28 pixels (N x 28 x 28).",
                                   {image_file.string(), shape}));
  }
  if (labels.dim() != 1) {
    throw DataError(format_message("{} has {} dimensions. Pass a file with one label per image.",
                                   {label_file.string(), labels.dim()}));
  }
  if (images.size(0) != labels.size(0)) {
    throw DataError(format_message("{} has {} images, but {} has {} labels. Pass files of the same dataset.",
                                   {image_file.string(), images.size(0), label_file.string(), labels.size(0)}));
  }
  const std::span values(labels.data_ptr<std::uint8_t>(), static_cast<std::size_t>(labels.size(0)));
  const auto wrong = std::find_if(values.begin(), values.end(), [](std::uint8_t label) { return label > 9; });
  if (wrong != values.end()) {
    throw DataError(format_message("{} has the label {} at index {}. Labels of digits are 0 to 9.",
                                   {label_file.string(), *wrong, wrong - values.begin()}));
  }
  return {images.unsqueeze(1).to(at::kFloat).div_(255), labels.to(at::kLong)};
}

}  // namespace detail

HONE_INLINE Mnist mnist(const std::filesystem::path& folder) {
  return {detail::read_digits(folder, "train"), detail::read_digits(folder, "t10k")};
}

}  // namespace hone
