// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/mapped_file.hpp"

#include <sys/stat.h>
#include <torch/torch.h>

#include "files.hpp"
#include "support/catch.hpp"

namespace {

std::string refusal(const files::fs::path& path) {
  return files::message([&] { (void)hone::detail::MappedFile(path); });
}

}  // namespace

TEST_CASE("What is no readable file is named with the reason") {
  const files::Folder folder;
  CHECK(refusal(folder / "none") ==
        (folder / "none").string() + " cannot be read: No such file or directory. Check the path and its permissions.");
  CHECK(files::contains(refusal(folder.path), "cannot be read: it is a folder."));
  const auto file = files::write(folder / "file", "x");
  CHECK(files::contains(refusal(file / "inner"), "Not a directory"));
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(files::contains(refusal(folder / "pipe"), "no regular file"));
}

TEST_CASE("An empty file has no bytes") {
  const files::Folder folder;
  CHECK(hone::detail::MappedFile(files::write(folder / "empty", "")).bytes().empty());
}

TEST_CASE("A storage keeps its file, and writing to it does not change the file") {
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

TEST_CASE("A file that has changed since it was opened is refused at the end") {
  const files::Folder folder;
  const auto path = files::write(folder / "file", "12345678");
  hone::detail::MappedFile same(path);
  hone::detail::MappedFile longer(path);
  CHECK(files::message([&] { same.require_unchanged(); }) == "no error");
  files::write(path, "123456789");
  CHECK(files::message([&] { longer.require_unchanged(); }) ==
        "was changed while it was read. Read it again when it is complete.");
  // What replaces it by renaming is another file.
  hone::detail::MappedFile replaced(path);
  files::write(folder / "new", "87654321");
  files::fs::rename(folder / "new", path);
  CHECK(files::message([&] { replaced.require_unchanged(); }) == "no error");
}

TEST_CASE("A large file is mapped, a small one is not") {
  const files::Folder folder;
  const auto path = files::write(folder / "file", "");
  files::fs::resize_file(path, (std::uintmax_t{64} << 20U) + 4096);
  hone::detail::MappedFile large(path);
  CHECK(large.bytes().size() == (std::size_t{64} << 20U) + 4096);
  CHECK(large.bytes()[large.bytes().size() - 1] == 0);
  files::write(path, "small");
  hone::detail::MappedFile small(path);
  files::fs::resize_file(path, 0);
  CHECK(small.bytes()[4] == 'l');
}
