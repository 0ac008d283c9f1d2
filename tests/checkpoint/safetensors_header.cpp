// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/safetensors_header.hpp"

#include "archive.hpp"
#include "files.hpp"
#include "support/catch.hpp"

namespace {

std::string refusal(const std::string& text) {
  return files::message([&] { (void)hone::detail::read_safetensors_header(archive::span(text)); });
}

}  // namespace

TEST_CASE("read_safetensors_header keeps the order of the entries") {
  const std::string text =
      R"({"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},"__metadata__":{"format":"pt"},)"
      R"("a":{"data_offsets":[0,8],"shape":[],"dtype":"I64"}}   )";
  const auto header = hone::detail::read_safetensors_header(archive::span(text));
  REQUIRE(header.entries.size() == 2);
  CHECK(header.entries[0].name == "b");
  CHECK(header.entries[0].type == at::kBFloat16);
  CHECK(header.entries[0].shape == std::vector<std::int64_t>{2, 3});
  CHECK(header.entries[0].begin == 8);
  CHECK(header.entries[0].end == 20);
  CHECK(header.entries[1].shape.empty());
  REQUIRE(header.metadata.size() == 1);
  CHECK(header.metadata[0].second == "pt");
}

TEST_CASE("read_safetensors_header throws DataError with the position for an invalid header") {
  struct Case {
    std::string text, sentence;
  };
  const std::vector<Case> cases{
      {"", "its header is not a JSON object"},
      {"[1]", "its header is not a JSON object"},
      {"{", "a header that is not valid JSON at its byte"},
      {"{}x", "a header that is not valid JSON at its byte"},
      {R"({"a":1})", "at 'a': a number is not allowed here"},
      {R"({"a":[1]})", "an array is not allowed here"},
      {R"({"a":"x"})", "a string is not allowed here"},
      {R"({"a":null})", "a null"},
      {R"({"a":{}})", "an entry lacks dtype, shape or data_offsets"},
      {R"({"a":{"dtype":"F99"}})", "the tensor 'a' of dtype F99, which LibTorch does not support"},
      {R"({"a":{"dtype":{}}})", "an object is not allowed here"},
      {R"({"a":{"shape":[[1]]}})", "an array is not allowed here"},
      {R"({"a":{"shape":[{}]}})", "an object is not allowed here"},
      {R"({"a":{"shape":["x"]}})", "a string is not allowed here"},
      {R"({"a":{"shape":[-1]}})", "a number is negative"},
      {R"({"a":{"shape":[1.5]}})", "a number is not an integer"},
      {R"({"a":{"shape":[9223372036854775808]}})", "its shape is too large"},
      {R"({"a":{"shape":[99999999999999999999]}})", "a number is not an integer"},
      {R"({"a":{"shape":3}})", "a number is not allowed here"},
      {R"({"a":{"data_offsets":[1]}})", "data_offsets are not two numbers"},
      {R"({"a":{"data_offsets":[1,2,3]}})", "data_offsets are not two numbers"},
      {R"({"a":{"dtype":"F32","dtype":"F32"}})", "'dtype' occurs twice"},
      {R"({"a":{"kind":1}})", "'kind' is not dtype, shape or data_offsets"},
      {R"({"__metadata__":{"a":1}})", "a number is not allowed here"},
      {R"({"__metadata__":{"a":{}}})", "an object is not allowed here"},
      {R"({"__metadata__":{},"__metadata__":{}})", "the name occurs twice"},
      {"{\"a\xff\":1}", "a header that is not valid JSON"},
      {"{\"a\":" + std::string(100000, '['), "an array is not allowed here"},
      {"{\"a\":" + std::string(100000, '{'), "a header that is not valid JSON"},
  };
  for (const auto& test : cases) {
    INFO(test.sentence);
    CHECK(files::contains(refusal(test.text), test.sentence));
  }
  const std::string entry = R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]})";
  CHECK(files::contains(refusal("{" + entry + "," + entry + "}"), "at 'a': the name occurs twice"));
  std::string wide = R"({"a":{"shape":[1)";
  for (int i = 0; i < 64; ++i) wide += ",1";
  CHECK(files::contains(refusal(wide + "]}}"), "its shape is too large"));
}
