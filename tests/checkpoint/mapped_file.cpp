// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/mapped_file.hpp"

#include <sys/stat.h>
#include <torch/torch.h>

#include <fstream>
#include <sstream>

#include "files.hpp"
#include "support/catch.hpp"

namespace {

std::string refusal(const files::fs::path& path) {
  return files::message([&] { (void)hone::detail::MappedFile(path); });
}

#if defined(__linux__)
/// Returns the permissions (such as "rw-p") and the file of the mapping that contains `address`.
std::pair<std::string, std::string> mapping_at(const void* address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    std::uintptr_t begin = 0, end = 0;
    std::string permissions, offset, device, inode, path;
    char dash = 0;
    fields >> std::hex >> begin >> dash >> end >> permissions >> offset >> device >> inode >> path;
    const auto number = reinterpret_cast<std::uintptr_t>(address);
    if (begin <= number && number < end) return {permissions, path};
  }
  return {};
}
#endif

}  // namespace

TEST_CASE("MappedFile throws DataError with the reason for a path that is not a readable regular file") {
  const files::Folder folder;
  CHECK(refusal(folder / "none") ==
        (folder / "none").string() + " cannot be read: No such file or directory. Check the path and its permissions.");
  CHECK(files::contains(refusal(folder.path), "cannot be read: it is a directory."));
  const auto file = files::write(folder / "file", "x");
  CHECK(files::contains(refusal(file / "inner"), "Not a directory"));
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(files::contains(refusal(folder / "pipe"), "not a regular file"));
}

TEST_CASE("MappedFile accepts an empty file") {
  const files::Folder folder;
  CHECK(hone::detail::MappedFile(files::write(folder / "empty", "")).bytes().empty());
}

TEST_CASE("storage_in keeps the file alive, copies if unaligned, and writes do not reach the file") {
  const files::Folder folder;
  const auto path = files::write(folder / "file", std::string(64, 'a'));
  auto file = std::make_shared<hone::detail::MappedFile>(path);
  const auto storage = hone::detail::storage_in(file, file->bytes().subspan(16, 16));
  const auto unaligned = hone::detail::storage_in(file, file->bytes().subspan(5, 16));
  CHECK(storage.data() == file->bytes().data() + 16);
  CHECK(unaligned.data() != file->bytes().data() + 5);
  file.reset();
  auto tensor = torch::empty({0}, torch::kByte).set_(storage);
  CHECK(tensor.eq('a').all().item<bool>());
  tensor.fill_(7);
  CHECK(torch::empty({0}, torch::kByte).set_(unaligned).eq('a').all().item<bool>());
  CHECK(files::read(path) == std::string(64, 'a'));
}

TEST_CASE("require_unchanged throws DataError for a file that was changed since it was opened") {
  const files::Folder folder;
  const auto path = files::write(folder / "file", "12345678");
  hone::detail::MappedFile same(path);
  hone::detail::MappedFile longer(path);
  CHECK(files::message([&] { same.require_unchanged(); }) == "no error");
  files::write(path, "123456789");
  CHECK(files::message([&] { longer.require_unchanged(); }) ==
        "was changed while it was read. Read it again when it is complete.");
  // A file that replaces it by a rename does not count as a change.
  hone::detail::MappedFile replaced(path);
  files::write(folder / "new", "87654321");
  files::fs::rename(folder / "new", path);
  CHECK(files::message([&] { replaced.require_unchanged(); }) == "no error");
}

TEST_CASE("MappedFile maps a file of more than 64 MiB privately, and reads a smaller file") {
  constexpr std::size_t most_read = std::size_t{64} << 20U;
  const files::Folder folder;
  const auto path = files::write(folder / "file", "");
  files::fs::resize_file(path, most_read + 1);
  {
    const auto large = std::make_shared<hone::detail::MappedFile>(path);
    const auto bytes = large->bytes();
    REQUIRE(bytes.size() == most_read + 1);
    CHECK(bytes.back() == 0);
#if defined(__linux__)
    const std::pair<std::string, std::string> expected("rw-p", files::fs::canonical(path).string());
    CHECK(mapping_at(bytes.data()) == expected);
    CHECK(mapping_at(&bytes.back()) == expected);
#endif
    // A write to a tensor does not reach the file.
    torch::empty({0}, torch::kByte).set_(hone::detail::storage_in(large, bytes.subspan(0, 16))).fill_(7);
    CHECK(bytes.front() == 7);
    char first = 1;
    CHECK((std::ifstream(path).get(first) && first == 0));
  }
  files::fs::resize_file(path, most_read);
  const hone::detail::MappedFile small(path);
  REQUIRE(small.bytes().size() == most_read);
#if defined(__linux__)
  CHECK(mapping_at(small.bytes().data()).second != files::fs::canonical(path).string());
#endif
}

TEST_CASE("MappedFile keeps the contents of a small file that is truncated later") {
  const files::Folder folder;
  const auto path = files::write(folder / "file", "small");
  const hone::detail::MappedFile small(path);
  files::fs::resize_file(path, 0);
  REQUIRE(small.bytes().size() == 5);
  CHECK(small.bytes()[4] == 'l');
}
