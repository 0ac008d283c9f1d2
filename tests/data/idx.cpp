// SPDX-License-Identifier: Apache-2.0
#include "hone/data/idx.hpp"

#include <torch/torch.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/catch.hpp"

namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path = fs::temp_directory_path() / ("hone_idx_" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path plain(const std::string& name, const std::string& bytes) const {
    std::ofstream(path / name, std::ios::binary) << bytes;
    return path / name;
  }
  fs::path to_bytes(const std::string& name, const std::string& bytes) const {
    auto* file = gzopen((path / name).c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    return path / name;
  }
};

std::string idx(std::initializer_list<std::uint32_t> sizes, const std::string& elements, char type = 0x08) {
  std::string bytes{'\0', '\0', type, static_cast<char>(sizes.size())};
  for (const auto size : sizes) {
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(size >> shift & 0xFFU);
  }
  return bytes + elements;
}

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class F>
std::string message(F&& f) {
  try {
    f();
  } catch (const hone::DataError& error) {
    return error.what();
  }
  return "no DataError";
}

std::string defect(const fs::path& path) {
  return message([&] { (void)hone::read_idx(path); }).substr(path.string().size() + 1);
}

TEST_CASE("read_idx reads plain and compressed IDX files") {
  const Folder folder;
  const auto bytes = idx({2, 3}, std::string("\x00\x01\x02\x7f\x80\xff", 6));
  const auto expected = torch::tensor({0, 1, 2, 127, 128, 255}, torch::kByte).view({2, 3});
  CHECK(hone::read_idx(folder.plain("a", bytes)).equal(expected));
  CHECK(hone::read_idx(folder.to_bytes("b.gz", bytes)).equal(expected));
  CHECK(hone::read_idx(folder.to_bytes("compressed-without-saying-so", bytes)).equal(expected));
}

TEST_CASE("read_idx throws DataError that names the defect of an IDX file") {
  const Folder folder;
  const std::string six("abcdef");
  CHECK(defect(folder.path / "none") == "does not exist or is not a file. Check the path.");
  CHECK(defect(folder.path) == "does not exist or is not a file. Check the path.");
  CHECK(defect(folder.plain("zero", "")) == "ends within its header. Download it again.");
  CHECK(defect(folder.plain("short", std::string("\0\0\x08", 3))) == "ends within its header. Download it again.");
  CHECK(defect(folder.plain("sizes", idx({2, 3}, "").substr(0, 10))) == "ends within its header. Download it again.");
  CHECK(defect(folder.plain("text", "PK archive")) ==
        "is not an IDX file: it starts with the bytes 50 4b, not 00 00. Pass an IDX file, uncompressed or compressed "
        "with gzip.");
  CHECK(defect(folder.plain("float", idx({2, 3}, six, 0x0D))) ==
        "has elements of type 0x0d. Pass an IDX file of unsigned bytes, type 0x08.");
  CHECK(defect(folder.plain("scalar", idx({}, six))) ==
        "has 0 dimensions according to its header. Pass an IDX file with 1 to 8 dimensions.");
  CHECK(defect(folder.plain("nothing", idx({0, 28}, ""))) ==
        "is empty: its header has the shape 0 x 28. Pass a file with data.");
  CHECK(defect(folder.plain("cut", idx({2, 4}, six))) ==
        "is truncated: its 2 x 4 elements need 8 bytes after the header, but there are 6. Download it again.");
  CHECK(defect(folder.to_bytes("cut.gz", idx({2, 4}, six))) ==
        "is truncated: its 2 x 4 elements need 8 bytes after the header, but there are 6. Download it again.");
  CHECK(defect(folder.plain("long", idx({2, 2}, six))) ==
        "has data after its 2 x 2 elements (4 bytes). Download it again.");
  CHECK(defect(folder.to_bytes("long.gz", idx({2, 2}, six))) ==
        "has data after its 2 x 2 elements (4 bytes). Download it again.");
}

TEST_CASE("read_idx rejects a forged header before it allocates memory") {
  const Folder folder;
  constexpr std::uint32_t most = 0xFFFFFFFF;
  CHECK(defect(folder.plain("large", idx({most}, "abc"))) ==
        "is truncated: its 4294967295 elements need 4294967295 bytes after the header, but there are 3. Download it "
        "again.");
  CHECK(defect(folder.plain("huge", idx({most, most, most}, "abc"))) ==
        "is truncated: its 4294967295 x 4294967295 x 4294967295 elements need more than 2^63 bytes after the header, "
        "but there are 3. Download it again.");
  CHECK(defect(folder.to_bytes("large.gz", idx({most}, "abc"))).find("but there are at most ") != std::string::npos);
}

TEST_CASE("read_idx detects damaged compressed data, up to the last bytes") {
  const Folder folder;
  const auto whole = contents(folder.to_bytes("whole.gz", idx({1000}, std::string(500, 'a') + std::string(500, 'b'))));
  CHECK(defect(folder.plain("cut.gz", whole.substr(0, whole.size() - 12))) ==
        "is damaged (the compressed data ends too early). Download it again.");
  auto checksum = whole;
  checksum[checksum.size() - 6] ^= 0x55;
  CHECK(defect(folder.plain("checksum.gz", checksum)) == "is damaged (incorrect data check). Download it again.");
  auto middle = whole;
  for (std::size_t i = 12; i < middle.size() - 8; ++i) middle[i] = '\xFF';
  CHECK(defect(folder.plain("middle.gz", middle)).find("is damaged (") == 0);
}

std::string pictures(std::uint32_t count) { return idx({count, 28, 28}, std::string(count * 784, '\xFF')); }

TEST_CASE("mnist finds the four files under each of their names") {
  const Folder folder;
  folder.plain("train-images-idx3-ubyte", pictures(3));
  folder.to_bytes("train-labels.idx1-ubyte.gz", idx({3}, std::string("\x00\x09\x05", 3)));
  folder.to_bytes("t10k-images-idx3-ubyte.gz", pictures(2));
  folder.plain("t10k-labels.idx1-ubyte", idx({2}, std::string("\x01\x02", 2)));
  const auto [train, test] = hone::mnist(folder.path);
  CHECK(train.size() == 3);
  CHECK(test.size() == 2);
  CHECK(train.tensors().first.sizes() == at::IntArrayRef{3, 1, 28, 28});
  CHECK(train.tensors().first.equal(torch::ones({3, 1, 28, 28})));
  CHECK(train.tensors().second.equal(torch::tensor({0, 9, 5}, torch::kLong)));
}

TEST_CASE("mnist throws DataError for missing or inconsistent files") {
  const Folder folder;
  const auto error = [&] { return message([&] { (void)hone::mnist(folder.path); }); };
  const auto at = [&](const char* name) { return (folder.path / name).string(); };
  CHECK(error() ==
        folder.path.string() +
            ": this folder has none of train-images-idx3-ubyte, train-images-idx3-ubyte.gz, train-images.idx3-ubyte, "
            "train-images.idx3-ubyte.gz. Pass the folder with the four MNIST files.");
  folder.plain("train-images-idx3-ubyte", pictures(3));
  CHECK(error().find("none of train-labels-idx1-ubyte") != std::string::npos);
  folder.plain("train-labels-idx1-ubyte", idx({4}, "\x01\x02\x03\x04"));
  CHECK(error() == at("train-images-idx3-ubyte") + " has 3 images, but " + at("train-labels-idx1-ubyte") +
                       " has 4 labels. Pass files of the same dataset.");
  folder.plain("train-labels-idx1-ubyte", idx({3}, "\x01\x02\x0A"));
  CHECK(error() == at("train-labels-idx1-ubyte") + " has the label 10 at index 2. Labels of digits are 0 to 9.");
  folder.plain("train-labels-idx1-ubyte", idx({3, 1}, "\x01\x02\x03"));
  CHECK(error() == at("train-labels-idx1-ubyte") + " has 2 dimensions. Pass a file with one label per image.");
  folder.plain("train-images-idx3-ubyte", idx({3, 2, 2}, "abcdefghijkl"));
  CHECK(error() ==
        at("train-images-idx3-ubyte") + " has the shape 3 x 2 x 2. Pass images of 28 x 28 pixels (N x 28 x 28).");
}

}  // namespace
