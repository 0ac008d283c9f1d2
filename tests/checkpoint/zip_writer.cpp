// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/zip_writer.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include "archive.hpp"
#include "files.hpp"
#include "support/catch.hpp"

TEST_CASE("ZipWriter aligns records to 64 bytes") {
  const auto bytes = archive::make({{"a", "first"}, {"b", std::string(100, 'x')}, {"c", ""}, {"d", "last"}});
  CHECK(bytes.find("first") % 64 == 0);
  CHECK(bytes.find("xxx") % 64 == 0);
  CHECK(bytes.find("last") % 64 == 0);
}

TEST_CASE("ZipWriter is deterministic, and digest depends on the data") {
  const auto digest = [](const std::string& text) {
    archive::Text sink;
    hone::detail::ZipWriter<archive::Text> zip(sink);
    zip.add("a", archive::span(text));
    return zip.digest();
  };
  CHECK(archive::make({{"a", "x"}}) == archive::make({{"a", "x"}}));
  CHECK(digest("x") == digest("x"));
  CHECK(digest("x") != digest("y"));
}

TEST_CASE("Python's zipfile reads the records of ZipWriter") {
  const files::Folder folder;
  const auto path = files::write(folder / "a.zip", archive::make({{"a", "first"}, {"b/c", "second"}, {"empty", ""}}));
  const files::Python python(fmt::format(R"(
import zipfile
archive = zipfile.ZipFile("{}")
assert archive.testzip() is None
print({{name: archive.read(name) for name in archive.namelist()}})
)",
                                         path.string()));
  if (!python.available) {
    WARN("skipped: there is no Python with torch");
    return;
  }
  CHECK(python.output == "{'archive/a': b'first', 'archive/b/c': b'second', 'archive/empty': b''}\n");
}

namespace {

/// Keeps only small writes, the headers, so that records may be large.
struct Outline {
  std::uint64_t size = 0;
  std::string end;
  void write(std::span<const std::uint8_t> more) {
    size += more.size();
    if (more.size() < 4096) end.append(reinterpret_cast<const char*>(more.data()), more.size());
  }
};

}  // namespace

TEST_CASE("ZipWriter uses 64-bit fields for sizes and offsets beyond 4 GiB") {
  constexpr std::size_t size = (std::size_t{1} << 32U) + 5;
  // Zero pages that are only read use no memory.
  void* zeros = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(zeros != MAP_FAILED);
  Outline outline;
  hone::detail::ZipWriter<Outline> zip(outline);
  zip.add("large", {static_cast<const std::uint8_t*>(zeros), size});
  ::munmap(zeros, size);
  zip.add("behind", archive::span("x"));
  const auto directory = outline.size;
  zip.finish();
  const auto entry = outline.end.find("PK\x01\x02");
  std::uint64_t stored = 0;
  std::memcpy(&stored, outline.end.data() + entry + 46 + std::string("archive/large").size() + 4, sizeof(stored));
  CHECK(stored == size);
  const auto end = outline.end.find("PK\x06\x06");
  std::memcpy(&stored, outline.end.data() + end + 48, sizeof(stored));
  CHECK(stored == directory);
}
