// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/pickle_calls.hpp"

#include "hone/checkpoint/pytorch.hpp"
#include "pickle.hpp"
#include "support/catch.hpp"

using pickle::global;
using pickle::integer;
using pickle::refusal;
using pickle::string;
using pickle::tensor;

TEST_CASE("PickleReader reads a tensor as a view of its storage") {
  const auto value = pickle::read(tensor(12, 2, "K\x02K\x03\x86", "K\x03K\x01\x86") + ".");
  CHECK(value.get<at::Tensor>().equal(torch::arange(2, 8, torch::kFloat).view({2, 3})));
  CHECK_FALSE(value.get<at::Tensor>().requires_grad());
}

TEST_CASE("tensors of the same storage share memory") {
  const auto value =
      pickle::read(tensor(12, 0, "K\x02\x85", "K\x01\x85") + tensor(12, 1, "K\x02\x85", "K\x01\x85") + "\x86.");
  auto first = value.items()[0].get<at::Tensor>();
  first.fill_(-1);
  CHECK(value.items()[1].get<at::Tensor>()[0].item<float>() == -1);
}

TEST_CASE("PickleReader throws DataError for any global that is not allowed") {
  const std::vector<std::pair<std::string, std::string>> names{{"os", "system"},
                                                               {"builtins", "eval"},
                                                               {"__builtin__", "set"},
                                                               {"torch", "load"},
                                                               {"torch", ""},
                                                               {"torch.", "FloatStorage"},
                                                               {"numpy.core.multiarray", "_reconstruct"},
                                                               {"torch._utils", "_rebuild_sparse_tensor"}};
  for (const auto& [module, name] : names) {
    CHECK(files::contains(refusal(global(module, name) + "."),
                          "it refers to " + module + "." + name + ", which is not loaded"));
  }
  CHECK(files::contains(refusal("c" + std::string(300, 'x')), "a name is too long"));
}

TEST_CASE("PickleReader throws DataError for invalid arguments of a call") {
  CHECK(files::contains(refusal(tensor(13, 0, ")", ")") + "."), "another size"));
  CHECK(files::contains(refusal(tensor(-1, 0, ")", ")") + "."), "size of a storage is negative or too large"));
  CHECK(files::contains(refusal(tensor(std::int64_t{1} << 62, 0, ")", ")") + "."), "negative or too large"));
  CHECK(files::contains(refusal(tensor(12, 0, integer(12), ")") + "."), "a tuple is expected"));
  CHECK(files::contains(refusal(tensor(12, 0, "]", ")") + "."), "a tuple is expected, not a list"));
  CHECK(files::contains(refusal(tensor(12, 0, string("x") + "\x85", "K\x01\x85") + "."),
                        "an int is expected, not the string 'x'"));
  CHECK(files::contains(refusal(tensor(12, -4, ")", ")") + "."), "the offset is negative"));
  CHECK(files::contains(refusal(tensor(12, 0, integer(-1) + "\x85", "K\x01\x85") + "."), "negative"));
  CHECK(files::contains(refusal(tensor(12, 8, "K\x05\x85", "K\x01\x85") + "."), "extends beyond"));
  CHECK(files::contains(refusal(global("torch._utils", "_rebuild_tensor_v2") + ")R."), "are invalid"));
  CHECK(files::contains(refusal(global("torch._utils", "_rebuild_parameter") + ")R."), "are invalid"));
  CHECK(files::contains(refusal(global("torch", "FloatStorage") + ")R."), "which torch.save does not write"));
  CHECK(files::contains(refusal(global("torch", "FloatStorage") + "."), "a class, or a storage without a tensor,"));
  CHECK(files::contains(refusal(string("torch.load") + ")R."), "a function is expected"));
  CHECK(files::contains(refusal(")Q."), "a storage is expected"));
  CHECK(files::contains(refusal("NQ."), "a tuple is expected"));
}

TEST_CASE("PickleReader reads types and devices as strings") {
  CHECK(pickle::read(global("torch", "bfloat16") + ".").get<std::string>() == "torch.bfloat16");
  CHECK(pickle::read(global("torch", "device") + string("cuda") + "K\x01\x86R.").get<std::string>() == "cuda:1");
}

namespace {

/// Returns the pickle of a tensor with a dictionary of marks as its last argument.
std::string marked(std::string text, const std::string& mark, const std::string& value = "\x88") {
  text.insert(text.size() - 2, "}" + string(mark) + value + "s");
  return text + ".";
}

}  // namespace

TEST_CASE("PickleReader applies the neg mark and throws DataError for unknown marks") {
  const auto numbers = tensor(12, 0, "K\x02\x85", "K\x01\x85");
  CHECK(pickle::read(marked(numbers, "neg")).get<at::Tensor>().equal(torch::tensor({0.0F, -1.0F})));
  CHECK(pickle::read(marked(numbers, "neg", "\x89")).get<at::Tensor>().equal(torch::tensor({0.0F, 1.0F})));
  CHECK_FALSE(pickle::read(marked(numbers, "neg")).get<at::Tensor>().is_neg());
  CHECK(files::contains(refusal(marked(numbers, "upside_down")), "a tensor has the unknown flag 'upside_down'"));
  CHECK(files::contains(refusal(marked(numbers, "neg", "K\x01")), "a bool is expected"));
  // A small file must not allocate a large tensor.
  const auto repeated = tensor(12, 0, integer(std::int64_t{1} << 40) + "\x85", integer(0) + "\x85");
  CHECK(files::contains(refusal(marked(repeated, "neg")), "has repeated elements"));
}

TEST_CASE("tensors with attributes and marks are read as by torch.load") {
  const auto file = hone::read_checkpoint(files::fixture("marks.pt"));  // written by torch.save in fixtures.py
  const auto read = [&](const char* name) { return file.at(name).get<at::Tensor>(); };
  CHECK(read("attribute").equal(torch::arange(3, torch::kFloat)));
  CHECK(read("parameter").equal(torch::arange(2, torch::kFloat)));
  CHECK(read("buffer").equal(torch::arange(2, torch::kFloat)));
  const c10::complex<float> first(1, -2), second(3, 4);
  CHECK(
      (read("conj")[0].item<c10::complex<float>>() == first && read("conj")[1].item<c10::complex<float>>() == second));
  CHECK_FALSE(read("conj").is_conj());
  CHECK(read("neg").equal(torch::tensor({-2.0F, 4.0F})));
  CHECK(read("float4").scalar_type() == at::kFloat4_e2m1fn_x2);
  CHECK(read("float4").view(torch::kByte).equal(torch::tensor({0x12, 0x34}, torch::kByte)));
  CHECK(read("float8").scalar_type() == at::kFloat8_e8m0fnu);
}

TEST_CASE("_rebuild_from_type_v2 calls only functions that build tensors") {
  const auto from_type = [](const std::string& maker) {
    return global("torch._tensor", "_rebuild_from_type_v2") + "(" + maker + global("torch", "Tensor") + ")}tR.";
  };
  CHECK(files::contains(refusal(from_type(global("torch._tensor", "_rebuild_from_type_v2"))), "are invalid"));
  CHECK(files::contains(refusal(from_type(global("collections", "OrderedDict"))), "are invalid"));
  CHECK(files::contains(refusal(from_type("N")), "a function is expected"));
  CHECK(files::contains(refusal(global("torch", "Tensor") + ")R."), "which torch.save does not write"));
  CHECK(files::contains(refusal(global("torch", "Tensor") + "."), "a class, or a storage without a tensor,"));
}
