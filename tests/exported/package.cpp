// SPDX-License-Identifier: Apache-2.0
#include "hone/exported/package.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/checkpoint/zip_writer.hpp"
#include "support/catch.hpp"

namespace {

using files::contains;
using files::message;

struct Sink {
  std::string bytes;
  void write(std::span<const std::uint8_t> more) { bytes.append(more.begin(), more.end()); }
};

std::span<const std::uint8_t> raw(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto place = text.find(from);
  REQUIRE(place != std::string::npos);
  return text.replace(place, from.size(), to);
}

const std::string two_floats("\x00\x00\x80\x3f\x00\x00\x00\x40", 8);  // 1 and 2

std::string description() {
  return fmt::format(
      R"({{"format": 1, "torch": "{}", "machine": "{}", "cpu": "{}", "outputs": true, "min_batch": 2,
         "inputs": [{{"name": "inputs", "dtype": "float32", "shape": [3]}}, {{"name": "target", "dtype": "int64", "shape": []}}],
         "tensors": [{{"name": "layer.weight", "dtype": "float32", "shape": [1, 2], "kind": "parameter", "gradient": 1,
                       "copy": true}},
                     {{"name": "mean", "dtype": "float32", "shape": [2], "kind": "buffer"}}],
         "modules": [{{"path": "", "type": "Net", "parameters": [], "buffers": [["mean", 1]]}},
                     {{"path": "layer", "type": "Linear", "parameters": [["weight", 0]], "buffers": []}}]}})",
      TORCH_VERSION, hone::detail::this_machine, at::get_cpu_capability());
}

std::string archive(const std::string& text, const std::string& second = two_floats) {
  Sink sink;
  hone::detail::ZipWriter zip(sink);
  zip.add("extra/hone/step.json", raw(text));
  zip.add("extra/hone/tensors/0", raw(two_floats));
  zip.add("extra/hone/tensors/1", raw(second));
  zip.finish();
  return sink.bytes;
}

std::string refusal(const std::string& bytes) {
  const files::Folder folder;
  const auto path = files::write(folder / "model.pt2", bytes);
  const auto text = message([&] { (void)hone::read_exported_package(path); });
  CHECK(contains(text, path.string()));
  return text;
}

}  // namespace

TEST_CASE("read_exported_package returns the model's tensors and the inputs of its steps") {
  const files::Folder folder;
  const auto package = hone::read_exported_package(files::write(folder / "model.pt2", archive(description())));
  CHECK(package.has_outputs);
  CHECK(package.min_batch == 2);
  REQUIRE(package.inputs.size() == 2);
  CHECK(package.inputs[0].name == "inputs");
  CHECK(package.inputs[0].shape == std::vector<std::int64_t>{3});
  CHECK(package.inputs[1].type == at::kLong);
  REQUIRE(package.tensors.size() == 2);
  const auto& weight = package.tensors[0];
  CHECK(weight.name == "layer.weight");
  CHECK((weight.is_parameter && weight.is_trained && weight.gradient == 1 && weight.shares_memory));
  CHECK(weight.value.sizes() == at::IntArrayRef({1, 2}));
  CHECK(static_cast<const float*>(weight.value.const_data_ptr())[1] == 2.0F);
  CHECK((!package.tensors[1].is_parameter && !package.tensors[1].is_trained));
  REQUIRE(package.parts.size() == 2);
  CHECK(package.parts[1].path == "layer");
  CHECK(package.parts[1].parameters == hone::ExportedPart::Names{{"weight", 0}});
}

TEST_CASE("a file that is not a package throws DataError") {
  CHECK(contains(message([] { (void)hone::read_exported_package("/no/such/model.pt2"); }), "No such file"));
  CHECK(contains(refusal(""), "is not a package of scripts/export_step.py"));
  CHECK(contains(refusal("something else"), "is not a package of scripts/export_step.py"));
  Sink sink;
  hone::detail::ZipWriter zip(sink);
  zip.add("data.pkl", raw("x"));
  zip.finish();
  CHECK(contains(refusal(sink.bytes), "is not a package of scripts/export_step.py"));
}

TEST_CASE("a truncated or changed package throws DataError") {
  const auto whole = archive(description());
  CHECK(contains(refusal(whole.substr(0, whole.size() - 30)), "is damaged"));
  CHECK(contains(refusal(whole.substr(0, whole.size() / 2)), "is damaged"));
  auto changed = whole;
  changed[changed.find(two_floats) + 2] ^= 1;
  CHECK(contains(refusal(changed), "the checksum of its record 'archive/extra/hone/tensors/0' is wrong"));
}

TEST_CASE("a package for another format, LibTorch, machine or CPU throws DataError") {
  const auto with = [](const std::string& from, const std::string& to) {
    return refusal(archive(replaced(description(), from, to)));
  };
  CHECK(contains(with(R"("format": 1)", R"("format": 2)"),
                 "is in format 2 of exported steps, and this version of hone reads format 1"));
  CHECK(contains(with(TORCH_VERSION, "2.9.1"), "was exported with torch 2.9.1, and this program is linked with"));
  CHECK(contains(with(std::string(hone::detail::this_machine), "riscv64"), "was exported for riscv64"));
  CHECK(contains(with(fmt::format(R"("cpu": "{}")", at::get_cpu_capability()), R"("cpu": "AVX1024")"),
                 "was compiled for a CPU with AVX1024"));
  using hone::detail::cpu_suffices;
  CHECK((cpu_suffices("AVX2", "AVX512") && cpu_suffices("AVX512", "AVX512") && cpu_suffices("DEFAULT", "AVX2")));
  CHECK((!cpu_suffices("AVX512", "AVX2") && !cpu_suffices("SVE256", "AVX2") && cpu_suffices("SVE256", "SVE256")));
}

TEST_CASE("a package with an invalid description throws DataError") {
  CHECK(contains(refusal(archive("{")), "has an invalid description of its steps"));
  CHECK(contains(refusal(archive(replaced(description(), "min_batch", "other"))),
                 "has an invalid description of its steps"));
  CHECK(contains(refusal(archive(replaced(description(), "int64", "int65"))), "unknown type 'int65'"));
  CHECK(contains(refusal(archive(replaced(description(), R"(["mean", 1])", R"(["mean", 2])"))), "refers to a tensor"));
  CHECK(contains(refusal(archive(description(), "123")), "contains 3 bytes of 'mean', expected 8"));
}
