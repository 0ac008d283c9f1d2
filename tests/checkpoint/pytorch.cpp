// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/pytorch.hpp"

#include <fmt/format.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <array>
#include <atomic>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "archive.hpp"
#include "files.hpp"
#include "hone/checkpoint/tensor_record.hpp"
#include "hone/checkpoint/zip_reader.hpp"
#include "support/catch.hpp"

using hone::Dict;
using hone::List;
using hone::Value;

namespace {

// Returns whether two values are bit-identical.
bool same(const Value& a, const Value& b) {
  if (a.data().index() != b.data().index()) return false;
  if (a.is<at::Tensor>()) {
    const auto &x = a.get<at::Tensor>(), &y = b.get<at::Tensor>();
    return x.dtype() == y.dtype() && x.sizes() == y.sizes() && x.strides() == y.strides() &&
           x.contiguous().view(-1).view(torch::kByte).equal(y.contiguous().view(-1).view(torch::kByte));
  }
  if (a.is<List>() || a.is<hone::Tuple>()) {
    const auto x = a.items(), y = b.items();
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), same);
  }
  if (a.is<Dict>()) {
    const auto &x = a.get<Dict>(), &y = b.get<Dict>();
    return x.ordered == y.ordered &&
           std::equal(x.begin(), x.end(), y.begin(), y.end(),
                      [](const auto& p, const auto& q) { return same(p.key, q.key) && same(p.value, q.value); });
  }
  if (a.is<std::string>()) return a.get<std::string>() == b.get<std::string>();
  return a.is_none() || a.description() == b.description();
}

Value ours() {
  const auto base = torch::arange(12, torch::kFloat).view({3, 4});
  Dict types;
  for (const auto& entry : hone::detail::element_types) {
    types.set(entry.dtype, torch::arange(32, torch::kByte).remainder_(2).view(entry.type).clone());
  }
  Dict weights{{"w", base}, {"b", torch::randn({3})}};
  weights.ordered = true;
  return Dict{{"model_state_dict", weights},
              {"types", types},
              {"view", base.slice(1, 1, 3)},
              {"transposed", base.t()},
              {"empty", torch::empty({0, 5})},
              {"scalar", torch::tensor(7.0F)},
              {"gradient", torch::ones({2}).requires_grad_()},
              {"numbers", List{0, 1 << 20, -5, std::int64_t{1} << 40, 0.5, true, hone::None()}},
              {"tuple", hone::Tuple{{0.9, 0.999}}},
              {"text", "grüße"},
              {1, "int"}};
}

std::string refusal(const files::fs::path& path) {
  return files::message([&] { (void)hone::read_checkpoint(path); });
}

}  // namespace

TEST_CASE("a checkpoint is read bit-identical to the written value, with views as views") {
  const files::Folder folder;
  const auto value = ours();
  hone::write_checkpoint(folder / "c.pt", value);
  const auto back = hone::read_checkpoint(folder / "c.pt");
  CHECK(same(value, back));
  const auto base = back.at("model_state_dict").at("w").get<at::Tensor>();
  CHECK(back.at("view").get<at::Tensor>().is_alias_of(base));
  CHECK_FALSE(back.at("gradient").get<at::Tensor>().requires_grad());
  hone::write_checkpoint(folder / "again.pt", back);
  CHECK(files::read(folder / "c.pt") == files::read(folder / "again.pt"));
}

TEST_CASE("tensors of a checkpoint do not depend on the file, and writes do not reach it") {
  const files::Folder folder;
  hone::write_checkpoint(folder / "c.pt", Dict{{"w", torch::ones({1000})}});
  auto tensor = hone::read_checkpoint(folder / "c.pt").at("w").get<at::Tensor>();
  hone::write_checkpoint(folder / "c.pt", Dict{{"w", torch::zeros({1000})}});
  CHECK(tensor.sum().item<float>() == 1000);
  tensor.fill_(5);
  CHECK(hone::read_checkpoint(folder / "c.pt").at("w").get<at::Tensor>().sum().item<float>() == 0);
}

TEST_CASE("read_checkpoint reads a run that Python saved") {
  const auto run = hone::read_checkpoint(files::fixture("run.pt"));
  const auto& weights = run.at("model_state_dict").get<Dict>();
  CHECK(weights.ordered);
  std::string names;
  for (const auto& [key, value] : weights) names += key.get<std::string>() + " ";
  CHECK(names ==
        "fc.weight fc.bias norm.weight norm.bias norm.running_mean norm.running_var norm.num_batches_tracked ");
  // (j + k) / 8 - 0.1 (k + 1), for element j of parameter k
  CHECK(torch::allclose(weights.get<at::Tensor>("fc.weight"), torch::arange(6, torch::kFloat).view({2, 3}) / 8 - 0.1));
  CHECK(weights.get<at::Tensor>("norm.num_batches_tracked").dtype() == torch::kLong);
  CHECK(run.at("epoch").get<std::int64_t>() == 3);
  CHECK(run.at("loss").get<double>() == 0.25);
  CHECK(run.at("scheduler_state_dict").at("milestones").at(5).get<std::int64_t>() == 1);
  const auto group = run.at("optimizer_state_dict").at("param_groups").items()[0];
  CHECK(group.at("lr").get<double>() == Approx(0.01));
  CHECK(group.at("foreach").is_none());
}

TEST_CASE("read_checkpoint reads every type of value that Python saves") {
  const auto all = hone::read_checkpoint(files::fixture("values.pt"));
  for (const auto& [key, value] : all.at("types").get<Dict>()) {
    INFO(key.get<std::string>());
    const auto& tensor = value.get<at::Tensor>();
    const auto& name = key.get<std::string>();
    const auto* type = hone::detail::find_element_type([&](const auto& entry) { return entry.dtype == name; });
    REQUIRE(type != nullptr);
    CHECK(tensor.scalar_type() == type->type);
    const auto expected = name == "bool" ? torch::tensor({0.0, 1.0, 1.0}) : torch::tensor({0.0, 1.0, 2.0});
    CHECK((tensor.is_complex() ? torch::real(tensor) : tensor).to(torch::kDouble).equal(expected.to(torch::kDouble)));
  }
  const auto base = all.at("base").get<at::Tensor>();
  CHECK(base.equal(torch::arange(12, torch::kFloat).view({3, 4})));
  CHECK(all.at("view").get<at::Tensor>().equal(base.slice(0, 1).slice(1, 0, 4, 2)));
  CHECK(all.at("view").get<at::Tensor>().is_alias_of(base));
  CHECK(all.at("transposed").get<at::Tensor>().strides() == at::IntArrayRef({1, 4}));
  CHECK(all.at("empty").get<at::Tensor>().sizes() == at::IntArrayRef({0, 5}));
  CHECK(all.at("scalar").get<at::Tensor>().item<float>() == 7);
  CHECK(all.at("parameter").get<at::Tensor>().sum().item<float>() == 2);
  const std::int64_t wide = std::int64_t{1} << 31;
  CHECK(same(all.at("ints"), List{0, 255, 256, 65535, 65536, -1, -wide, wide, std::numeric_limits<std::int64_t>::min(),
                                  std::numeric_limits<std::int64_t>::max()}));
  CHECK(same(all.at("floats"), List{0.5, -1e300, std::numeric_limits<double>::infinity()}));
  CHECK(same(all.at("strings"), List{"", "a", "ü", std::string(300, 'x')}));
  CHECK(all.at("tuples").items()[4].items().size() == 4);
  CHECK(all.at("none").is_none());
  CHECK(same(all.at("flags"), List{true, false}));
  CHECK(all.at("keys").at("1").get<std::string>() == "str");
  CHECK(all.at("keys").at(1).get<std::string>() == "int");
  CHECK(all.at("keys").at(hone::Tuple{{1, 2}}).get<std::string>() == "tuple");
  CHECK(same(all.at("size"), hone::Tuple{{2, 3}}));
  CHECK(all.at("dtype").get<std::string>() == "torch.float16");
  CHECK(all.at("device").get<std::string>() == "cuda:1");
  CHECK(same(all.at("shared").items()[1], List{"list", 1}));
  CHECK(all.at("many").items()[1000].get<std::int64_t>() == 1000);
}

TEST_CASE("torch.load with weights_only reads a checkpoint of hone") {
  const files::Folder folder;
  hone::write_checkpoint(folder / "c.pt", ours());
  const files::Python python(fmt::format(R"(
from collections import OrderedDict
for kind in dict(mmap=False), dict(mmap=True):
    c = torch.load("{}", weights_only=True, **kind)
    base = torch.arange(12.0).reshape(3, 4)
    assert type(c["model_state_dict"]) is OrderedDict
    assert torch.equal(c["model_state_dict"]["w"], base)
    assert torch.equal(c["view"], base[:, 1:3]) and torch.equal(c["transposed"], base.t())
    assert c["view"].untyped_storage().data_ptr() == c["transposed"].untyped_storage().data_ptr()
    assert c["empty"].shape == (0, 5) and c["scalar"].shape == () and not c["gradient"].requires_grad
    assert c["numbers"] == [0, 1 << 20, -5, 1 << 40, 0.5, True, None] and c["tuple"] == (0.9, 0.999)
    assert c["text"] == "grüße" and c[1] == "int"
    for name, value in c["types"].items():
        assert value.dtype == getattr(torch, name), name
        assert torch.equal(value.view(torch.uint8), torch.arange(32, dtype=torch.uint8) % 2), name
print("types:", len(c["types"]))
)",
                                         (folder / "c.pt").string()));
  if (!python.available) {
    WARN("skipped: there is no Python with torch");
    return;
  }
  INFO(python.output);
  CHECK(python.output.ends_with(fmt::format("types: {}\n", hone::detail::element_types.size())));
}

TEST_CASE("read_checkpoint throws DataError with the remedy for a file that is not a checkpoint") {
  const files::Folder folder;
  const auto archive = [&](const std::vector<std::pair<std::string, std::string>>& records) {
    return files::write(folder / "c.pt", archive::make(records));
  };
  CHECK(refusal(folder / "none") ==
        (folder / "none").string() + " cannot be read: No such file or directory. Check the path and its permissions.");
  CHECK(refusal(files::write(folder / "c.pt", "text")) ==
        (folder / "c.pt").string() + " is not a zip archive. Pass a file that torch.save wrote.");
  CHECK(files::contains(refusal(archive({{"data.pkl", "N."}, {"constants.pkl", ""}})), "TorchScript archive"));
  CHECK(files::contains(refusal(archive({{"data.pkl", "N."}, {"byteorder", "big"}})), "big-endian"));
  CHECK(files::contains(refusal(archive({{"version", "3\n"}})), "has no record 'data.pkl'"));
  CHECK(files::contains(refusal(archive({{"data.pkl", "cos\nsystem\n."}})),
                        "it refers to os.system, which is not loaded"));
  CHECK(
      files::contains(refusal(archive({{"data.pkl", "}]Ns."}})), "is damaged. The key of a dictionary is a list of 0"));
}

TEST_CASE("read_checkpoint throws DataError that names the function for files of torch::save") {
  const files::Folder folder;
  const auto path = folder / "c.pt";
  torch::nn::Linear model(2, 2);
  torch::optim::Adam adam(model->parameters(), torch::optim::AdamOptions(0.1));
  const std::vector<std::function<void()>> saves{
      [&] { torch::save(model, path.string()); }, [&] { torch::save(adam, path.string()); },
      [&] { torch::save(torch::ones({2}), path.string()); },
      [&] { torch::save(std::vector{torch::ones({2}), torch::ones({3})}, path.string()); }};
  for (const auto& save : saves) {
    save();
    CHECK(files::contains(refusal(path), "is a file of torch::save in C++. Load it with torch::load(object, path)"));
  }
  torch::jit::Module module("Net");
  module.register_parameter("weight", torch::ones({2}), false);
  module.save(path.string());
  CHECK(files::contains(refusal(path), "is a TorchScript archive. Load it with torch::jit::load(path)"));
}

TEST_CASE("tensors stay valid if their file is replaced or truncated") {
  const files::Folder folder;
  const auto path = folder / "c.pt";
  hone::write_checkpoint(path, Dict{{"w", torch::ones({4})}});
  const auto renamed = hone::read_checkpoint(path);
  hone::write_checkpoint(path, Dict{{"w", torch::zeros({4})}});
  CHECK(renamed.at("w").get<at::Tensor>().sum().item<float>() == 4);
  const auto cut = hone::read_checkpoint(path);
  files::fs::resize_file(path, 0);
  CHECK(cut.at("w").get<at::Tensor>().sum().item<float>() == 0);
  CHECK(refusal(path) == path.string() + " is empty. Use another copy.");
}

TEST_CASE("a file that is overwritten during a read gives a consistent value or DataError") {
  const files::Folder folder;
  const auto path = folder / "c.pt";
  hone::write_checkpoint(folder / "a", Dict{{"w", torch::ones({100000})}});
  hone::write_checkpoint(folder / "b", Dict{{"w", torch::full({100000}, 2.0F)}});
  const std::array contents{files::read(folder / "a"), files::read(folder / "b")};
  files::write(path, contents[0]);
  std::atomic<bool> is_done{false};
  std::atomic<int> num_begun{0}, num_ended{0};  // reads
  std::thread writer([&] {
    for (std::size_t i = 0; !is_done; ++i) {
      files::write(path, contents[i % 2]);
      // The next read that begins is not disturbed; the read after it overlaps with the next write.
      for (const int begun = num_begun; num_ended <= begun && !is_done;) std::this_thread::yield();
    }
  });
  int num_loaded = 0;
  for (int round = 0; round < 200 || (num_loaded < 20 && round < 100'000); ++round) {
    ++num_begun;
    try {
      const auto file = hone::read_checkpoint(path);
      const auto& w = file.at("w").get<at::Tensor>();
      CHECK((w[0].item<float>() == w[99999].item<float>() && w.sum().item<float>() == 100000 * w[0].item<float>()));
      ++num_loaded;
    } catch (const hone::DataError& error) {
      CHECK(files::contains(error.what(), path.string()));
    }
    ++num_ended;
  }
  is_done = true;
  writer.join();
  CHECK(num_loaded >= 20);
}

TEST_CASE("read_checkpoint throws DataError for a missing storage or one of the wrong size") {
  const files::Folder folder;
  hone::write_checkpoint(folder / "c.pt", Dict{{"w", torch::ones({4})}});
  const auto whole = files::read(folder / "c.pt");
  const hone::detail::ZipReader reader(archive::span(whole));
  const auto pickle = reader.record("data.pkl");
  const std::string contents(pickle.begin(), pickle.end());
  files::write(folder / "none.pt", archive::make({{"data.pkl", contents}}));
  files::write(folder / "short.pt", archive::make({{"data.pkl", contents}, {"data/0", "123"}}));
  CHECK(files::contains(refusal(folder / "none.pt"), "has no record 'data/0'"));
  CHECK(files::contains(refusal(folder / "short.pt"), "has 3 bytes in its record 'data/0', and its contents need 16"));
}

TEST_CASE("read_checkpoint throws DataError for a file that is truncated at any length") {
  const files::Folder folder;
  hone::write_checkpoint(folder / "c.pt", Dict{{"w", torch::ones({4})}, {"epoch", 1}});
  const auto whole = files::read(folder / "c.pt");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto text = refusal(files::write(folder / "torn.pt", whole.substr(0, size)));
    if (!text.starts_with((folder / "torn.pt").string() + " is ")) FAIL(size << ": " << text);
  }
  CHECK(refusal(files::write(folder / "torn.pt", whole)) == "no error");
}

TEST_CASE("changed bytes of a file cause DataError or other values, never a crash") {
  const files::Folder folder;
  std::mt19937 random(20);
  std::size_t refused = 0;
  constexpr int rounds = 300;
  for (const auto* name : {"run.pt", "adamw.pt", "values.pt"}) {
    const auto whole = files::read(files::fixture(name));
    for (int round = 0; round < rounds; ++round) {
      auto bytes = whole;
      for (unsigned change = 0; change <= random() % 4; ++change) {
        bytes[random() % bytes.size()] = static_cast<char>(random());
      }
      refused += refusal(files::write(folder / "c.pt", bytes)) != "no error" ? 1 : 0;
    }
  }
  CHECK(refused > rounds);
}

TEST_CASE("changed bytes of the pickle with valid checksums cause DataError or other values, never a crash") {
  const files::Folder folder;
  const auto path = folder / "c.pt";
  std::mt19937 random(21);
  constexpr int rounds = 300;
  int num_loaded = 0, num_refused = 0;
  for (const auto* name : {"run.pt", "adamw.pt", "values.pt"}) {
    const auto whole = files::read(files::fixture(name));
    const hone::detail::ZipReader zip(archive::span(whole));
    std::vector<std::pair<std::string, std::string>> records;
    for (int i = 0; zip.contains(fmt::format("data/{}", i)); ++i) {
      const auto bytes = zip.record(fmt::format("data/{}", i));
      records.emplace_back(fmt::format("data/{}", i), std::string(bytes.begin(), bytes.end()));
    }
    const auto pickle = zip.record("data.pkl");
    records.emplace_back("data.pkl", "");
    for (int round = 0; round < rounds; ++round) {
      std::string bytes(pickle.begin(), pickle.end());
      for (unsigned change = 0; change <= random() % 3; ++change) {
        bytes[random() % bytes.size()] = static_cast<char>(random());
      }
      records.back().second = bytes;
      files::write(path, archive::make(records));
      try {
        static_cast<void>(hone::read_checkpoint(path));
        ++num_loaded;
      } catch (const hone::DataError& error) {
        ++num_refused;
        if (!std::string(error.what()).starts_with(path.string() + " ")) FAIL(name << ": " << error.what());
      } catch (const std::exception& error) {
        FAIL(name << ", round " << round << ", is not a DataError: " << error.what());
      }
    }
  }
  CHECK(num_loaded + num_refused == 3 * rounds);
  CHECK(num_loaded > 0);
  CHECK(num_refused > rounds);
}

TEST_CASE("write_checkpoint keeps the old file if it throws") {
  const files::Folder folder;
  hone::write_checkpoint(folder / "c.pt", 1);
  CHECK_THROWS_AS(hone::write_checkpoint(folder / "c.pt", at::Tensor()), std::invalid_argument);
  CHECK_THROWS_AS(hone::write_checkpoint(folder / "none" / "c.pt", 2), hone::DataError);
  CHECK(hone::read_checkpoint(folder / "c.pt").get<std::int64_t>() == 1);
}
