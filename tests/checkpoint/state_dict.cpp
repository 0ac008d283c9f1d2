// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/state_dict.hpp"

#include <fmt/format.h>
#include <torch/script.h>
#include <torch/torch.h>

#include "files.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "support/catch.hpp"

using hone::Dict;

namespace {

std::string names(const Dict& state) {
  std::string result;
  for (const auto& [key, value] : state) result += key.get<std::string>() + " ";
  return result;
}

// Expected order: parameters, buffers, children, each in the order of registration.
struct NetImpl : torch::nn::Module {
  NetImpl() {
    fc = register_module("fc", torch::nn::Linear(3, 2));
    counter = register_buffer("counter", torch::zeros({}, torch::kLong));
    scale = register_parameter("scale", torch::ones({1}));
    norm = register_module("norm", torch::nn::BatchNorm1d(2));
    plain = register_module("plain", torch::nn::BatchNorm1d(torch::nn::BatchNormOptions(2).affine(false)));
    again = register_module("again", fc);
  }
  torch::nn::Linear fc{nullptr}, again{nullptr};
  torch::nn::BatchNorm1d norm{nullptr}, plain{nullptr};
  torch::Tensor scale, counter;
};
TORCH_MODULE(Net);

}  // namespace

TEST_CASE("state_dict has the names and the order of Python's state_dict") {
  const Net net;
  const auto state = hone::state_dict(net);
  CHECK(state.ordered);
  CHECK(names(state) ==
        "scale counter fc.weight fc.bias norm.weight norm.bias norm.running_mean norm.running_var "
        "norm.num_batches_tracked plain.running_mean plain.running_var plain.num_batches_tracked again.weight "
        "again.bias ");
  CHECK(names(hone::state_dict(net->fc, "head.")) == "head.weight head.bias ");
  CHECK_FALSE(state.get<at::Tensor>("scale").requires_grad());
  CHECK(state.get<at::Tensor>("scale").is_alias_of(net->scale));
}

TEST_CASE("load_state_dict loads into a model, a holder and a smart pointer") {
  torch::manual_seed(1);
  const Net from;
  Net to;
  auto shared = to.ptr();
  const hone::Value state = hone::state_dict(from);
  hone::load_state_dict(shared, state);
  CHECK(to->fc->weight.equal(from->fc->weight));
  CHECK(to->fc->weight.requires_grad());
  hone::load_state_dict(to, state);
  hone::load_state_dict(*to, state);
}

TEST_CASE("load_state_dict converts types") {
  torch::nn::Linear from(2, 2), to(2, 2);
  to->to(torch::kDouble);
  hone::load_state_dict(to, hone::state_dict(from));
  CHECK(to->weight.dtype() == torch::kDouble);
  CHECK(to->weight.equal(from->weight.to(torch::kDouble)));
}

TEST_CASE("load_state_dict throws DataError that lists every mismatch and changes nothing") {
  torch::nn::Linear model(3, 2);
  const auto before = model->weight.detach().clone();
  const auto state = [] {
    return Dict{{"weight", torch::zeros({2, 3})}, {"bias", torch::zeros({3})}, {"extra", 1}, {7, torch::ones({})}};
  };
  CHECK(files::message([&] { hone::load_state_dict(model, state()); }) ==
        "The state does not match the model; nothing was loaded: 'bias' has shape [3], expected [2]; 'extra' is not in "
        "the model; '7' is not in the model. Load the state of a model with the same structure.");
  CHECK(model->weight.equal(before));
  CHECK(files::contains(files::message([&] { hone::load_state_dict(model, Dict{{"weight", "x"}}); }),
                        "'weight' is the string 'x', not a tensor; 'bias' is missing."));
  CHECK(files::contains(files::message([&] { hone::load_state_dict(model, Dict{}, {.strict = false}); }), "no error"));
  CHECK(files::contains(files::message([&] {
                          hone::load_state_dict(model, Dict{{"bias", torch::ones({2}, torch::kComplexFloat)}},
                                                {.strict = false});
                        }),
                        "'bias' is c10::complex<float>, expected float"));
  CHECK(files::message([&] { hone::load_state_dict(model, 3); }) == "The value is the int 3, expected a dictionary.");
}

TEST_CASE("load_state_dict without strict returns missing and unexpected names, and throws for a wrong shape") {
  torch::nn::Linear model(3, 2);
  const auto names =
      hone::load_state_dict(model, Dict{{"weight", torch::zeros({2, 3})}, {"extra", 1}}, {.strict = false});
  CHECK(names.missing == std::vector<std::string>{"bias"});
  CHECK(names.unexpected == std::vector<std::string>{"extra"});
  CHECK(model->weight.sum().item<float>() == 0);
  CHECK_THROWS_AS(hone::load_state_dict(model, Dict{{"weight", torch::zeros({3, 3})}}, {.strict = false}),
                  hone::DataError);
}

namespace {

/// Returns the state of `model` with `prefix` before each name, omitting names that end with `without`.
Dict renamed(const torch::nn::Module& model, const std::string& prefix, const std::string& without = "") {
  Dict state;
  for (const auto& [key, value] : hone::state_dict(model)) {
    const auto name = key.get<std::string>();
    if (without.empty() || !name.ends_with(without)) state.set(prefix + name, value);
  }
  return state;
}

std::string refusal(auto& model, const Dict& state, const hone::StateDictOptions& options = {}) {
  return files::message([&] { hone::load_state_dict(model, state, options); });
}

}  // namespace

TEST_CASE("load_state_dict detects a common prefix with its origin, and the option prefix removes it") {
  const Net from;
  Net to;
  for (const bool strict : {true, false}) {
    const hone::StateDictOptions plain{.strict = strict};
    CHECK(refusal(to, renamed(*from, "module."), plain) ==
          "The state does not match the model; nothing was loaded: the names in it begin with 'module.', as "
          "torch.nn.parallel.DistributedDataParallel and DataParallel save them. Load it with the option .prefix = "
          "\"module.\".");
    CHECK(files::contains(refusal(to, renamed(*from, "_orig_mod."), plain), "as torch.compile saves them"));
    CHECK(files::contains(refusal(to, renamed(*from, "module._orig_mod."), plain), ".prefix = \"module._orig_mod.\""));
    CHECK(files::contains(refusal(to, renamed(*from, "my.net."), plain), ".prefix = \"my.net.\""));
    // Also if a name is missing.
    CHECK(files::contains(refusal(to, renamed(*from, "module.", "scale"), plain), ".prefix = \"module.\""));
  }
  hone::load_state_dict(to, renamed(*from, "module."), {.prefix = "module."});
  CHECK(to->fc->weight.equal(from->fc->weight));
  auto with_more = renamed(*from, "model.");
  with_more.set("loss.weight", torch::ones({2}));
  CHECK(files::contains(refusal(to, with_more, {.prefix = "model."}), "'loss.weight' is not in the model"));
  CHECK(hone::load_state_dict(to, with_more, {.strict = false, .prefix = "model."}).unexpected.size() == 1);
  CHECK(files::contains(refusal(to, renamed(*from, "module."), {.prefix = "other."}), "'other.scale' is missing"));
}

TEST_CASE("load_state_dict detects the state of a compiled submodule") {
  torch::nn::Sequential model(torch::nn::Linear(2, 2), torch::nn::Linear(2, 2));
  Dict state = renamed(*model, "");
  Dict compiled;
  for (const auto& [key, value] : state) {
    auto name = key.get<std::string>();
    if (name.starts_with("1.")) name = "1._orig_mod." + name.substr(2);
    compiled.set(name, value);
  }
  CHECK(files::contains(refusal(model, compiled), "torch.compile adds '_orig_mod.' to the names of a submodule"));
}

TEST_CASE("load_state_dict without strict throws DataError if no name matches") {
  torch::nn::Linear model(2, 2);
  CHECK(files::contains(refusal(model, Dict{{"a", torch::ones({2})}}, {.strict = false}),
                        "it has none of the model's names, such as 'weight'"));
}

TEST_CASE("load_state_dict accepts a state without num_batches_tracked, as PyTorch does") {
  // torch 2.11: BatchNorm1d(2).load_state_dict(state without it and without _metadata) keeps the current count.
  torch::nn::BatchNorm1d from(2), to(2);
  from->running_mean.fill_(3);
  to->num_batches_tracked.fill_(7);
  const auto names = hone::load_state_dict(to, renamed(*from, "", "num_batches_tracked"));
  CHECK(names.missing.empty());
  CHECK(to->running_mean.equal(from->running_mean));
  CHECK(to->num_batches_tracked.item<std::int64_t>() == 7);
  CHECK(files::contains(refusal(to, renamed(*from, "", "running_mean")), "'running_mean' is missing"));
  // Only if the running statistics are present.
  CHECK(files::contains(refusal(to, Dict{{"weight", torch::ones({2})}, {"bias", torch::ones({2})}}),
                        "'num_batches_tracked' is missing"));
}

TEST_CASE("load_state_dict throws DataError for values that the model's type cannot represent") {
  torch::nn::BatchNorm1d model(2);
  const auto with_count = [&](const at::Tensor& count) {
    Dict state = renamed(*model, "");
    state.set("num_batches_tracked", count);
    return refusal(model, state);
  };
  CHECK(files::contains(with_count(torch::tensor(2.87)),
                        "'num_batches_tracked' is float and has values that long int cannot represent"));
  CHECK(files::contains(with_count(torch::tensor(NAN)), "cannot represent"));
  CHECK(with_count(torch::tensor(3.0F)) == "no error");
  CHECK(model->num_batches_tracked.item<std::int64_t>() == 3);
  CHECK(with_count(torch::tensor(4, torch::kHalf)) == "no error");
  CHECK(with_count(torch::tensor(5, torch::kInt)) == "no error");

  torch::jit::Module flags("flags");
  flags.register_buffer("mask", torch::zeros({2}, torch::kBool));
  flags.register_buffer("small", torch::zeros({1}, torch::kInt));
  CHECK(
      files::contains(refusal(flags, Dict{{"mask", torch::tensor({0, 2})}, {"small", torch::ones({1})}}), "'mask' is"));
  CHECK(files::contains(
      refusal(flags, Dict{{"mask", torch::tensor({0, 1})}, {"small", torch::full({1}, std::int64_t{1} << 40)}}),
      "'small' is long int"));
  // Rounding to a narrower floating-point type is allowed.
  torch::nn::Linear half(1, 1);
  half->to(torch::kHalf);
  hone::load_state_dict(half, Dict{{"weight", torch::full({1, 1}, 0.1F)}, {"bias", torch::full({1}, 0.3)}});
}

TEST_CASE("state_dict and load_state_dict accept a TorchScript module") {
  torch::jit::Module outer("outer"), inner("inner");
  inner.register_parameter("weight", torch::ones({2}), false);
  inner.register_buffer("mean", torch::zeros({2}));
  outer.register_module("inner", inner);
  CHECK(names(hone::state_dict(outer)) == "inner.weight inner.mean ");
  hone::load_state_dict(outer, Dict{{"inner.weight", torch::full({2}, 3.0)}, {"inner.mean", torch::ones({2})}});
  CHECK(inner.attr("weight").toTensor().sum().item<float>() == 6);
}

TEST_CASE("a state is interchangeable with Python's load_state_dict") {
  torch::nn::Sequential model(torch::nn::Linear(3, 2), torch::nn::BatchNorm1d(2));
  const files::Folder folder;
  hone::write_checkpoint(folder / "c.pt", hone::state_dict(model));
  const files::Python python(fmt::format(R"(
model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
ours = torch.load("{0}", weights_only=True)
model.load_state_dict(ours)
assert list(ours) == list(model.state_dict())
torch.save(dict(state=model.state_dict(), out=model.eval()(torch.ones(1, 3))), "{0}.back")
)",
                                         (folder / "c.pt").string()));
  if (!python.available) {
    WARN("skipped: there is no Python with torch");
    return;
  }
  REQUIRE(python.output.empty());
  const auto back = hone::read_checkpoint(folder / "c.pt.back");
  hone::load_state_dict(model, back.at("state"));
  model->eval();
  CHECK(torch::allclose(model->forward(torch::ones({1, 3})), back.at("out").get<at::Tensor>()));
}
