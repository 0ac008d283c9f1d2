// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/zip_reader.hpp"

#include "archive.hpp"
#include "files.hpp"
#include "support/catch.hpp"

namespace {

std::string refusal(const std::string& bytes) {
  return files::message([&] {
    const hone::detail::ZipReader zip(archive::span(bytes));
    (void)zip.record("a");
    (void)zip.record("b");
  });
}

const std::string whole = archive::make({{"a", "first"}, {"b", "second"}});
const std::size_t first_entry = whole.find("PK\x01\x02"), second_entry = whole.find("PK\x01\x02", first_entry + 1);
const std::size_t wide_end = whole.find("PK\x06\x06"), locator = wide_end + 56;

}  // namespace

TEST_CASE("ZipReader finds a record by name, without the top-level folder") {
  const hone::detail::ZipReader zip(archive::span(whole));
  const auto record = zip.record("b");
  CHECK(std::string(record.begin(), record.end()) == "second");
  CHECK(zip.contains("a"));
  CHECK_FALSE(zip.contains("archive/a"));
  CHECK(files::message([&] { (void)zip.record("c"); }) ==
        "has no record 'c', which its contents need. Write the file again.");
}

TEST_CASE("ZipReader throws DataError for an archive that is truncated at any length") {
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto text = refusal(whole.substr(0, size));
    INFO(size << ": " << text);
    const bool expected = size == 0  ? files::contains(text, "is empty")
                          : size < 4 ? files::contains(text, "is not a zip archive")
                                     : files::contains(text, "it is truncated");
    CHECK(expected);
  }
}

TEST_CASE("ZipReader throws DataError for a file that is not a zip archive") {
  CHECK(files::contains(refusal("hello, world"), "is not a zip archive"));
  CHECK(files::contains(refusal("\x80\x02}q"), "the format of torch.save before PyTorch 1.6"));
}

TEST_CASE("ZipReader verifies the checksum of a record") {
  auto bytes = whole;
  bytes[bytes.find("second")] = 'S';
  CHECK(files::contains(refusal(bytes), "the checksum of its record 'b' is wrong"));
}

TEST_CASE("ZipReader throws DataError for compressed and encrypted records") {
  CHECK(files::contains(refusal(archive::with<std::uint16_t>(whole, second_entry + 10, 8)),
                        "'archive/b', which is compressed"));
  CHECK(files::contains(refusal(archive::with<std::uint16_t>(whole, second_entry + 8, 1)),
                        "'archive/b', which is encrypted"));
}

TEST_CASE("ZipReader throws DataError for invalid sizes and offsets") {
  const auto name_size = std::string("archive/a").size();
  struct Case {
    std::string bytes, sentence;
  };
  const std::vector<Case> cases{
      {archive::with<std::uint32_t>(whole, first_entry + 24, 0xFFFFFFF0U),
       "the sizes of its record 'archive/a' are wrong"},
      {archive::with<std::uint64_t>(whole, first_entry + 20, 0xFFFFFFF0FFFFFFF0U),
       "the sizes of its record 'archive/a' are wrong"},
      {archive::with<std::uint64_t>(whole, first_entry + 20, 0xFFFFFFFFFFFFFFFFU),
       "the sizes of its record 'archive/a' are wrong"},
      {archive::with<std::uint32_t>(whole, first_entry + 42, 0xFFFFFFF0U),
       "the sizes of its record 'archive/a' are wrong"},
      {archive::with<std::uint32_t>(whole, first_entry + 42, 3), "the sizes of its record 'archive/a' are wrong"},
      {archive::with<std::uint16_t>(whole, first_entry + 28, 0xFFFF), "its directory is truncated"},
      {archive::with<std::uint16_t>(whole, first_entry + 30, 0xFFFF), "its directory is truncated"},
      {archive::with<char>(whole, first_entry + 46 + name_size - 1, 'x'), "has another name in its local header"},
      {archive::with<std::uint16_t>(whole, 28, 0xFFFF), "the sizes of its record 'archive/a' are wrong"},
      {archive::with<std::uint64_t>(whole, locator + 8, ~std::uint64_t{0}),
       "its directory is not at the recorded offset"},
      {archive::with<std::uint64_t>(whole, locator + 8, wide_end + 1), "its directory is not at the recorded offset"},
      {archive::with<std::uint64_t>(whole, wide_end + 48, ~std::uint64_t{0}),
       "the recorded size of its directory is wrong"},
      {archive::with<std::uint64_t>(whole, wide_end + 40, ~std::uint64_t{0}),
       "the recorded size of its directory is wrong"},
      {archive::with<std::uint64_t>(archive::with<std::uint64_t>(whole, wide_end + 32, 1000), wide_end + 24, 1000),
       "too small for its number of records"},
      {archive::with<std::uint64_t>(archive::with<std::uint64_t>(whole, wide_end + 32, 1), wide_end + 24, 1),
       "longer than its list of records"},
      {archive::with<std::uint32_t>(whole, wide_end + 16, 1), "one part of a split archive"},
  };
  for (const auto& test : cases) {
    INFO(test.sentence);
    CHECK(files::contains(refusal(test.bytes), test.sentence));
  }
}

TEST_CASE("ZipReader throws DataError for records with the same name or overlapping data") {
  CHECK(files::contains(refusal(archive::make({{"a", "1"}, {"a", "2"}})), "it has two records 'archive/a'"));
  // The second directory entry replaced by the first one.
  const auto entry_size = second_entry - first_entry;
  auto bytes = whole;
  bytes.replace(second_entry, entry_size, whole.substr(first_entry, entry_size));
  CHECK(files::contains(refusal(bytes), "it has two records 'archive/a'"));
  // A record whose data contains a complete record.
  const auto inner = archive::make({{"b", "x"}});
  bytes = archive::make({{"a", inner}, {"b", "x"}});
  const auto place = static_cast<std::uint32_t>(bytes.find(inner));
  const auto entry = bytes.rfind("PK\x01\x02");
  CHECK(files::contains(refusal(archive::with<std::uint32_t>(bytes, entry + 42, place)), "two of its records overlap"));
}

TEST_CASE("no single changed byte of a zip archive causes a crash") {
  for (std::size_t place = 0; place < whole.size(); ++place) {
    for (const int change : {0x01, 0x80, 0xFF}) {
      const auto byte = static_cast<char>(static_cast<unsigned char>(whole[place]) ^ change);
      (void)refusal(archive::with<char>(whole, place, byte));
    }
  }
  SUCCEED();
}
