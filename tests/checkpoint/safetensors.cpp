// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/safetensors.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <random>

#include "files.hpp"
#include "hone/checkpoint/safetensors_header.hpp"
#include "support/catch.hpp"

using hone::Dict;

namespace {

std::string with_header(const std::string& header, const std::string& data) {
  std::string size(8, '\0');
  const std::uint64_t number = header.size();
  std::memcpy(size.data(), &number, 8);
  return size + header + data;
}

std::string entry(const std::string& name, const std::string& shape, int begin, int end) {
  return fmt::format(R"("{}":{{"dtype":"F32","shape":[{}],"data_offsets":[{},{}]}})", name, shape, begin, end);
}

std::string refusal(const std::string& bytes) {
  const files::Folder folder;
  const auto path = files::write(folder / "w.safetensors", bytes);
  const auto text = files::message([&] { (void)hone::read_safetensors(path); });
  return text.starts_with(path.string() + " ") ? text.substr(path.string().size() + 1) : text;
}

}  // namespace

TEST_CASE("write_safetensors and read_safetensors round-trip tensors and metadata in order") {
  const files::Folder folder;
  Dict tensors;
  for (const auto& [name, type] : hone::detail::safetensors_types) {
    tensors.set("t" + std::string(name), torch::arange(24, torch::kByte).remainder_(2).view(type).clone());
  }
  tensors.set("scalar", torch::tensor(std::int64_t{5}));
  tensors.set("empty", torch::empty({0, 3}));
  tensors.set("odd", torch::ones({3}, torch::kByte));
  tensors.set("transposed", torch::arange(6, torch::kFloat).view({2, 3}).t());
  tensors.set("grad", torch::ones({2}).requires_grad_());
  hone::write_safetensors(folder / "w.safetensors", tensors, {{"format", "pt"}, {"ü", "\"quoted\""}});
  const auto back = hone::read_safetensors(folder / "w.safetensors");
  REQUIRE(back.tensors.size() == tensors.size());
  for (auto a = tensors.begin(), b = back.tensors.begin(); a != tensors.end(); ++a, ++b) {
    const auto &x = a->value.get<at::Tensor>(), &y = b->value.get<at::Tensor>();
    INFO(a->key.get<std::string>());
    CHECK(a->key.get<std::string>() == b->key.get<std::string>());
    CHECK(x.dtype() == y.dtype());
    CHECK(x.sizes() == y.sizes());
    CHECK(y.is_contiguous());
    CHECK(x.contiguous().view(-1).view(torch::kByte).equal(y.view(-1).view(torch::kByte)));
  }
  CHECK(back.metadata.at("ü").get<std::string>() == "\"quoted\"");
}

TEST_CASE("read_safetensors reads a file that follows the format's description") {
  const files::Folder folder;
  const auto header = "{" + entry("b", "1", 8, 12) + "," + entry("a", "2,1", 0, 8) + "}";
  const std::string data{'\0', '\0', '\x80', '\x3f', '\0', '\0', '\0', '\x40', '\0', '\0', '\x40', '\x40'};  // 1, 2, 3
  const auto file = hone::read_safetensors(files::write(folder / "w", with_header(header, data)));
  CHECK(file.tensors.at("a").get<at::Tensor>().equal(torch::tensor({{1.0F}, {2.0F}})));
  CHECK(file.tensors.at("b").get<at::Tensor>().equal(torch::tensor({3.0F})));
}

TEST_CASE("read_safetensors reads 8-bit and 4-bit types that LibTorch has, and throws DataError for other ones") {
  const auto one = [](const std::string& dtype, const std::string& shape, int num_bytes) {
    return with_header(
        fmt::format(R"({{"w":{{"dtype":"{}","shape":[{}],"data_offsets":[0,{}]}}}})", dtype, shape, num_bytes),
        std::string(static_cast<std::size_t>(num_bytes), '\x34'));
  };
  const files::Folder folder;
  const auto read = [&](const std::string& bytes) {
    return hone::read_safetensors(files::write(folder / "w", bytes)).tensors.at("w").get<at::Tensor>();
  };
  CHECK(read(one("F8_E8M0", "2", 2)).scalar_type() == at::kFloat8_e8m0fnu);
  CHECK(read(one("F8_E4M3FNUZ", "2", 2)).scalar_type() == at::kFloat8_e4m3fnuz);
  CHECK(read(one("F8_E5M2FNUZ", "2", 2)).scalar_type() == at::kFloat8_e5m2fnuz);
  // The format counts 4-bit elements, LibTorch counts pairs.
  const auto pairs = read(one("F4", "3,4", 6));
  CHECK(pairs.scalar_type() == at::kFloat4_e2m1fn_x2);
  CHECK(pairs.sizes() == at::IntArrayRef({3, 2}));
  CHECK(pairs.view(torch::kByte).eq(0x34).all().item<bool>());
  CHECK(refusal(one("F4", "2,3", 3)) ==
        "has the tensor 'w' of dtype F4 and shape [2, 3]: LibTorch packs 2 elements of this dtype into one, and the "
        "last dimension is not a multiple of that number. Convert it to another dtype in Python.");
  CHECK(files::contains(refusal(one("F4", "", 1)), "of dtype F4 and shape []"));
  CHECK(files::contains(refusal(one("F4", "4", 4)), "is damaged: the tensor 'w' of shape [4] has 4 bytes"));
  for (const auto* dtype : {"F6_E2M3", "F6_E3M2", "F2"}) {
    CHECK(refusal(one(dtype, "4", 3)) ==
          fmt::format(
              "has the tensor 'w' of dtype {}, which LibTorch does not support. Convert it to another dtype in Python.",
              dtype));
  }
}

TEST_CASE("read_safetensors throws DataError for invalid sizes and offsets") {
  const auto file = [](const std::string& entries, std::size_t size) {
    return with_header("{" + entries + "}", std::string(size, '\0'));
  };
  CHECK(refusal("") == "is truncated within its first 8 bytes. Use another copy.");
  CHECK(refusal(std::string(8, '\xff')) ==
        "is not a safetensors file: its header would have 18446744073709551615 bytes, and the limit is 100000000.");
  CHECK(refusal(with_header("{}  ", "").substr(0, 10)) ==
        "is truncated: its header has 4 bytes, of which 2 are present. Use another copy.");
  CHECK(refusal(with_header("{}", "")) == "no error");
  CHECK(refusal(file(entry("a", "2", 0, 8), 7)) ==
        "is truncated: its tensors need 8 bytes, and 7 are present. Use another copy.");
  CHECK(refusal(file(entry("a", "2", 0, 8), 9)) ==
        "is damaged: its tensors need 8 bytes, and 9 are present. Use another copy.");
  CHECK(files::contains(refusal(file(entry("a", "3", 0, 8), 8)), "the tensor 'a' of shape [3] has 8 bytes"));
  CHECK(files::contains(refusal(file(entry("a", "4611686018427387904,8", 0, 8), 8)), "has 8 bytes"));
  CHECK(files::contains(refusal(file(entry("a", "1", 0, 4) + "," + entry("b", "1", 2, 6), 6)),
                        "the tensor 'b' is at bytes 2 to 6, expected from byte 4"));
  CHECK(files::contains(refusal(file(entry("a", "1", 0, 4) + "," + entry("b", "1", 0, 4), 4)), "expected from byte 4"));
  CHECK(files::contains(refusal(file(entry("a", "1", 0, 4) + "," + entry("b", "1", 5, 9), 9)), "expected from byte 4"));
  CHECK(files::contains(refusal(file(entry("a", "1", 4, 0), 4)), "is at bytes 4 to 0"));
  CHECK(files::contains(refusal(file(entry("a", "1", 0, 4), 4)), "no error"));
}

TEST_CASE("read_safetensors throws DataError for a truncated file, and changed bytes never cause a crash") {
  const files::Folder folder;
  hone::write_safetensors(folder / "w", Dict{{"a", torch::ones({4})}, {"b", torch::ones({2}, torch::kLong)}});
  const auto whole = files::read(folder / "w");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    if (refusal(whole.substr(0, size)) == "no error") FAIL(size);
  }
  std::mt19937 random(22);
  for (int round = 0; round < 500; ++round) {
    auto bytes = whole;
    for (unsigned change = 0; change <= random() % 4; ++change)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    (void)refusal(bytes);
  }
}

TEST_CASE("write_safetensors throws std::invalid_argument for values that the format does not support") {
  const files::Folder folder;
  const auto refused = [&](const Dict& tensors, const Dict& metadata = {}) {
    return files::message<std::invalid_argument>([&] { hone::write_safetensors(folder / "w", tensors, metadata); });
  };
  CHECK(refused({{"epoch", 3}}) ==
        "'epoch' is the int 3, which safetensors files do not support. Convert it or leave it out.");
  CHECK(files::contains(refused({{"z", torch::ones({2}, torch::kComplexDouble)}}), "'z' is a tensor of type"));
  CHECK(files::contains(refused({{1, torch::ones({2})}}), "not a valid name of a tensor"));
  CHECK(files::contains(refused({{"__metadata__", torch::ones({2})}}), "not a valid name of a tensor"));
  CHECK(files::contains(refused({{"\xff", torch::ones({2})}}), "not UTF-8"));
  CHECK(files::contains(refused({}, {{"a", 1}}), "map strings to strings"));
  CHECK(files::fs::is_empty(folder.path));
}

TEST_CASE("Python's safetensors package reads a file of write_safetensors, and the reverse") {
  const files::Folder folder;
  hone::write_safetensors(folder / "w",
                          Dict{{"u8", torch::ones({3}, torch::kByte)},
                               {"bf16", torch::ones({2, 2}).to(torch::kBFloat16)},
                               {"scalar", torch::tensor(std::int64_t{5})},
                               {"empty", torch::empty({0, 3})}},
                          {{"format", "pt"}});
  const files::Python python(fmt::format(R"(
try:
    from safetensors import safe_open
    from safetensors.torch import save_file
except ImportError:
    print("skip")
    raise SystemExit
with safe_open("{0}", "pt") as f:
    t = {{k: f.get_tensor(k) for k in f.keys()}}
    assert f.metadata() == dict(format="pt")
assert t["bf16"].dtype == torch.bfloat16 and t["bf16"].sum() == 4 and t["scalar"] == 5 and t["u8"].sum() == 3
assert t["empty"].shape == (0, 3)
save_file(t, "{0}.back")
print("read")
)",
                                         (folder / "w").string()));
  if (!python.available || python.output == "skip\n") {
    WARN("skipped: there is no Python with torch and safetensors");
    return;
  }
  REQUIRE(python.output == "read\n");
  const auto back = hone::read_safetensors(folder / "w.back");
  CHECK(back.tensors.at("bf16").get<at::Tensor>().equal(torch::ones({2, 2}).to(torch::kBFloat16)));
  CHECK(back.tensors.at("scalar").get<at::Tensor>().item<std::int64_t>() == 5);
}
