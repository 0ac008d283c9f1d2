// SPDX-License-Identifier: Apache-2.0
/// Tests of packages that run.py exports. It sets HONE_EXPORTED to their folder and runs these tests.
#include "hone/exported/exported_model.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/checkpoint/pytorch.hpp"
#include "hone/checkpoint/state_dict.hpp"
#include "hone/finetune/model_average.hpp"
#include "hone/finetune/model_freezer.hpp"
#include "hone/hone.hpp"
#include "support/catch.hpp"

namespace {

using files::contains;
using files::message;
using torch::Tensor;

std::filesystem::path exported(const std::string& name) {
  const char* folder = std::getenv("HONE_EXPORTED");
  REQUIRE(folder != nullptr);
  return std::filesystem::path(folder) / (name + ".pt2");
}

/// `Plain` of models.py in C++.
struct PlainImpl : torch::nn::Module {
  torch::nn::Sequential body = register_module(
      "body", torch::nn::Sequential(torch::nn::Linear(6, 16), torch::nn::BatchNorm1d(16), torch::nn::Tanh()));
  torch::nn::Linear frozen = register_module("frozen", torch::nn::Linear(16, 16));
  torch::nn::Linear head = register_module("head", torch::nn::Linear(16, 3));

  explicit PlainImpl(const hone::Dict& state) {
    for (auto& parameter : frozen->parameters()) parameter.set_requires_grad(false);
    torch::NoGradGuard no_gradients;
    for (const auto& [name, value] : state) {
      auto* tensor = named_parameters().find(name.get<std::string>());
      if (tensor == nullptr) tensor = named_buffers().find(name.get<std::string>());
      tensor->copy_(value.get<Tensor>());
    }
  }
  Tensor forward(const Tensor& inputs) { return head(frozen(body->forward(inputs)) * 1.5); }
  std::vector<Tensor> trained() {
    std::vector<Tensor> all;
    for (auto& parameter : parameters()) {
      if (parameter.requires_grad()) all.push_back(parameter);
    }
    return all;
  }
};

constexpr std::int64_t samples = 38;  // with batches of 8 the last has 6
constexpr std::int64_t batch_size = 8;

Tensor inputs() { return (torch::arange(samples * 6) * 0.37).cos().reshape({samples, 6}).contiguous(); }
Tensor labels() { return torch::arange(samples).remainder(3); }

hone::TensorDataset<std::pair<Tensor, Tensor>> data() { return {inputs(), labels()}; }
hone::TensorDataset<Tensor> without_labels() { return hone::TensorDataset<Tensor>(inputs()); }

double difference(const hone::Dict& a, const hone::Dict& b) {
  double most = 0.0;
  REQUIRE(a.size() == b.size());
  for (const auto& [name, value] : a) {
    const auto one = value.get<Tensor>().to(torch::kDouble), other = b.at(name).get<Tensor>().to(torch::kDouble);
    most = std::max(most, (one - other).abs().max().item<double>());
  }
  return most;
}

/// Trains in a hand-written loop, and returns the mean loss of each epoch.
template <class Optimizer>
std::vector<double> by_hand(PlainImpl& net, Optimizer& optimizer, int epochs, int window, double max_norm) {
  const auto x = inputs(), y = labels();
  std::vector<double> losses;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    double sum = 0.0;
    int in_window = 0;
    const auto num_batches = (samples + batch_size - 1) / batch_size;
    for (std::int64_t b = 0; b < num_batches; ++b) {
      const auto begin = b * batch_size, end = std::min(samples, begin + batch_size);
      const auto length = std::min<std::int64_t>(window, num_batches - b / window * window);
      auto loss = torch::cross_entropy_loss(net.forward(x.slice(0, begin, end)), y.slice(0, begin, end));
      sum += loss.template item<double>() * static_cast<double>(end - begin);
      (loss / static_cast<double>(length)).backward();
      if (++in_window < length) continue;
      in_window = 0;
      torch::nn::utils::clip_grad_norm_(net.trained(), max_norm);
      optimizer.step();
      optimizer.zero_grad();
    }
    losses.push_back(sum / static_cast<double>(samples));
  }
  return losses;
}

using WithSgd =
    hone::Trainer<hone::ExportedModel, hone::ExportedLoss, hone::Sgd, hone::GradAccum<hone::dynamic>, hone::ClipNorm>;

WithSgd with_sgd(int window, double max_norm = 0.5) {
  return WithSgd(hone::ExportedModel(exported("plain")), {}, hone::Sgd{.lr = 0.1, .momentum = 0.9},
                 hone::GradAccum{window}, hone::ClipNorm{.max_norm = max_norm});
}

}  // namespace

TEST_CASE("a package with SGD, clipping and accumulation trains like a hand-written loop", "[.package]") {
  const int window = GENERATE(1, 3);
  auto trainer = with_sgd(window);
  PlainImpl net(hone::state_dict(trainer.model()));
  torch::optim::SGD optimizer(net.trained(), torch::optim::SGDOptions(0.1).momentum(0.9));
  const auto expected = by_hand(net, optimizer, 6, window, 0.5);
  const auto history = trainer.train(data(), {.num_epochs = 6, .per_device_batch_size = batch_size, .shuffle = false});
  for (std::size_t epoch = 0; epoch < expected.size(); ++epoch) {
    CHECK(history.values("train_loss_epoch")[epoch].value == Approx(expected[epoch]).epsilon(1e-5));
  }
  // The state includes the statistics of the batch norm and the frozen layer.
  CHECK(difference(hone::state_dict(trainer.model()), hone::state_dict(net)) < 1e-4);
}

TEST_CASE("a package with AdamW trains like a hand-written loop, and metrics get its outputs", "[.package]") {
  hone::Trainer trainer{hone::ExportedModel(exported("plain")), hone::ExportedLoss{},
                        hone::AdamW{.lr = 0.01, .eps = 1e-3, .weight_decay = 0.1}, hone::ClipNorm{.max_norm = 1e6},
                        hone::Metrics{hone::Accuracy{}}.in_training()};
  PlainImpl net(hone::state_dict(trainer.model()));
  torch::optim::AdamW optimizer(net.trained(), torch::optim::AdamWOptions(0.01).weight_decay(0.1).eps(1e-3));
  const auto expected = by_hand(net, optimizer, 6, 1, 1e6);
  const auto history = trainer.train(data(), {.num_epochs = 6, .per_device_batch_size = batch_size, .shuffle = false});
  CHECK(history.at("train_loss_epoch") == Approx(expected.back()).epsilon(1e-4));
  CHECK(difference(hone::state_dict(trainer.model()), hone::state_dict(net)) < 1e-3);
  CHECK(history.at("train_accuracy_epoch") > 0.3);

  net.eval();
  const torch::NoGradGuard no_gradients;
  const auto outputs = net.forward(inputs());
  CHECK((trainer.predict(without_labels(), {.per_device_batch_size = 16}) - outputs).abs().max().item<double>() < 1e-3);
  const auto evaluated = trainer.evaluate(data(), {.per_device_batch_size = 16});
  CHECK(evaluated.at("evaluation_loss") ==
        Approx(torch::cross_entropy_loss(outputs, labels()).item<double>()).epsilon(1e-3));
}

TEST_CASE("a package behaves like a module", "[.package]") {
  hone::ExportedModel model(exported("plain"));
  std::vector<std::string> names;
  for (const auto& entry : hone::state_dict(model)) names.push_back(entry.key.get<std::string>());
  CHECK(names == std::vector<std::string>{"body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias",
                                          "body.1.running_mean", "body.1.running_var", "body.1.num_batches_tracked",
                                          "frozen.weight", "frozen.bias", "head.weight", "head.bias"});
  for (const auto& item : model->named_parameters()) {
    CHECK(item.value().is_leaf());
    CHECK(item.value().requires_grad() == !item.key().starts_with("frozen"));
  }
  CHECK(model->name() == "Plain");

  const auto x = inputs(), y = labels();
  CHECK(contains(message<std::logic_error>([&] { (void)model->forward(x); }), "in evaluation mode only"));
  const auto before = model->named_buffers()["body.1.running_mean"].clone();
  model->eval();
  const auto quiet = model->loss_and_outputs(y, x);
  CHECK(torch::equal(quiet.outputs, model->forward(x)));
  CHECK(torch::equal(before, model->named_buffers()["body.1.running_mean"]));
  CHECK(contains(message<std::logic_error>([&] { model->hand_over_gradients(1.0); }), "Call model->train()"));
  model->train();
  const auto learned = model->loss_and_outputs(y, x);
  CHECK(!learned.loss.requires_grad());
  CHECK(!torch::equal(before, model->named_buffers()["body.1.running_mean"]));

  // Gradients are accumulated, and a parameter that is frozen here gets none.
  auto weight = model->named_parameters()["head.weight"], bias = model->named_parameters()["head.bias"];
  bias.set_requires_grad(false);
  model->hand_over_gradients(1.0);
  const auto once = weight.grad().clone();
  (void)model->loss_and_outputs(y, x);
  model->hand_over_gradients(0.5);
  CHECK((weight.grad() - 1.5 * once).abs().max().item<double>() < 1e-6);
  CHECK(!bias.grad().defined());

  // `forward` uses the new memory of a tensor.
  model->eval();
  weight.set_data(torch::zeros_like(weight));
  CHECK((model->forward(x) - bias).abs().max().item<double>() < 1e-6);
}

TEST_CASE("dropout in a package differs in each step, and is reproducible with a seed", "[.package]") {
  hone::ExportedModel model(exported("dropout"));
  const auto left = torch::ones({64, 4}), right = torch::ones({64, 2}), target = torch::zeros({64, 1});
  const auto loss = [&] { return model->loss_and_outputs(target, left, right).loss.item<double>(); };
  torch::manual_seed(5);
  const double first = loss(), second = loss();
  torch::manual_seed(5);
  CHECK(loss() == first);
  CHECK(loss() == second);
  CHECK(first != second);
  model->eval();
  CHECK(loss() == loss());
  // Evaluation does not use the random generator.
  torch::manual_seed(5);
  (void)loss();
  model->train();
  CHECK(loss() == first);
  CHECK(!model->loss_and_outputs(target, left, right).outputs.defined());  // exported with --no-outputs
}

TEST_CASE("a layer with two names is shared, and an unused layer gets no gradient", "[.package]") {
  hone::ExportedModel model(exported("dropout"));
  const auto state = hone::state_dict(model);
  CHECK(state.at("last.weight").get<Tensor>().data_ptr() == state.at("twin.weight").get<Tensor>().data_ptr());
  CHECK(!state.contains("weights"));
  const auto left = torch::ones({4, 4}), right = torch::ones({4, 2}), target = torch::zeros({4, 1});
  (void)model->loss_and_outputs(target, left, right);
  model->hand_over_gradients(1.0);
  for (const auto& item : model->named_parameters()) {
    CHECK(item.value().grad().defined() == !item.key().starts_with("spare"));
  }
  model->eval();
  const auto value = [&](const std::string& name) { return state.at(name).get<Tensor>(); };
  const auto hidden =
      torch::linear(left, value("first.weight"), value("first.bias")) + torch::linear(right, value("second.weight"));
  const auto expected =
      torch::linear(torch::relu(hidden) * torch::linspace(1, 2, 32), value("last.weight"), value("last.bias"));
  CHECK((model->forward(left, right) - expected).abs().max().item<double>() < 1e-5);
}

TEST_CASE("the weights of a package can be averaged and frozen like a module's", "[.package]") {
  hone::ExportedModel model(exported("plain"));
  const auto x = inputs();
  model->eval();
  const auto before = model->forward(x);
  hone::ModelAverage average{*model};
  {
    const torch::NoGradGuard no_gradients;
    for (auto& parameter : model->parameters()) parameter.add_(1.0);
  }
  const auto moved = model->forward(x);
  average.swap(*model);
  CHECK(torch::equal(model->forward(x), before));
  average.swap(*model);
  CHECK(torch::equal(model->forward(x), moved));

  hone::ModelFreezer freezer{model};
  freezer.freeze(0, 1);  // `body` without its batch norm; `frozen` is frozen already
  model->train();
  (void)model->loss_and_outputs(labels(), x);
  model->hand_over_gradients(1.0);
  for (const auto& item : model->named_parameters()) {
    const bool is_free = item.key().starts_with("head") || item.key().starts_with("body.1.");
    CHECK(item.value().grad().defined() == is_free);
  }
  freezer.unfreeze();  // not `frozen`
  CHECK_NOTHROW(model->train());
  for (auto& parameter : model->parameters()) parameter.set_requires_grad(true);
  CHECK(contains(message<std::invalid_argument>([&] { model->train(); }), "was frozen when the model was exported"));
}

TEST_CASE("a run of a package resumes bitwise, including dropout", "[.package]") {
  const auto train = [](WithSgd& trainer, int epochs, const std::optional<std::filesystem::path>& from = {}) {
    const auto left = (torch::arange(40 * 4) * 0.3).sin().reshape({40, 4}), right = left.slice(1, 0, 2).contiguous();
    std::vector<std::tuple<Tensor, Tensor, Tensor>> batches;
    for (int i = 0; i < 5; ++i) {
      const auto cut = [&](const Tensor& t) { return t.slice(0, i * 8, i * 8 + 8); };
      batches.emplace_back(cut(left), cut(right), cut(left.sum(1, true)));
    }
    trainer.resume(from, batches, {.num_epochs = epochs, .seed = 3});
  };
  const auto make = [] {
    return WithSgd(hone::ExportedModel(exported("dropout")), {}, hone::Sgd{.lr = 0.1, .momentum = 0.9},
                   hone::GradAccum{2}, hone::ClipNorm{.max_norm = 1.0});
  };
  const files::Folder folder;
  auto whole = make(), begun = make(), resumed = make();
  train(whole, 4);
  train(begun, 2);
  begun.save_training_state(folder / "state.pt");
  train(resumed, 4, folder / "state.pt");
  CHECK(difference(hone::state_dict(whole.model()), hone::state_dict(resumed.model())) == 0.0);
}

TEST_CASE("the Python module loads a checkpoint of a package and computes the same outputs", "[.package]") {
  auto trainer = with_sgd(1);
  trainer.train(data(), {.num_epochs = 6, .per_device_batch_size = batch_size, .shuffle = false});
  const files::Folder folder;
  trainer.save_checkpoint(folder / "trained.pt", {.extra = {{"outputs", trainer.predict(without_labels())}}});
  const files::Python python(fmt::format(R"(
import models
model, loss, batch = models.plain()
state = torch.load("{}", weights_only=True)
print(model.load_state_dict(state["model_state_dict"]))
inputs = (torch.arange({} * 6) * 0.37).cos().reshape(-1, 6)
print(torch.allclose(model.eval()(inputs), state["outputs"], rtol=1e-4, atol=1e-5))
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1, momentum=0.9)
optimizer.load_state_dict(state["optimizer_state_dict"])
)",
                                         (folder / "trained.pt").string(), samples));
  CHECK(python.output == "<All keys matched successfully>\nTrue\n");
}

TEST_CASE("batches and conversions that do not fit a package throw an error", "[.package]") {
  auto trainer = with_sgd(1);
  const auto step = [&](Tensor x, Tensor y) {
    std::pair batch{std::move(x), std::move(y)};
    return message([&] { (void)trainer.step(batch); });
  };
  const auto x = inputs().slice(0, 0, 8), y = labels().slice(0, 0, 8);
  const auto before = hone::cloned(hone::Value(hone::state_dict(trainer.model()))).get<hone::Dict>();
  CHECK(contains(step(x.slice(1, 0, 5), y),
                 "'inputs' of the batch is Float [8, 5], and the exported step expects Float "
                 "[8, 6]"));
  CHECK(contains(step(x.to(torch::kDouble), y), "'inputs' of the batch is Double [8, 6]"));
  CHECK(
      contains(step(x, y.to(torch::kInt)), "'target' of the batch is Int [8], and the exported step expects Long [8]"));
  CHECK(contains(step(x, y.slice(0, 0, 7)), "'target' of the batch is Long [7]"));
  CHECK(contains(step(x.slice(0, 0, 1), y.slice(0, 0, 1)), "has 1 samples, and the exported step expects at least 2"));
  std::tuple three{x, x, y};
  CHECK(contains(message([&] { (void)trainer.step(three); }),
                 "has 3 tensors including its target, and the exported step expects 2: inputs, target"));
  const auto require_untrained = [&] {
    for (const auto& item : trainer.model()->named_parameters()) {
      INFO(item.key());
      CHECK(torch::equal(item.value(), before.at(item.key()).get<Tensor>()));
      CHECK(!item.value().grad().defined());
    }
    CHECK(trainer.run().num_updates() == 0);
    CHECK(trainer.optimizer().num_updates() == 0);
  };
  require_untrained();
  CHECK(difference(hone::state_dict(trainer.model()), before) == 0.0);  // including the buffers
  // The forward pass of a step that fails later updates the buffers, as with a module.
  CHECK(contains(step(x, y + 3), "failed on this batch"));
  require_untrained();
  // A batch that fits still trains. Inputs that are not contiguous are copied.
  CHECK(step(x.t().contiguous().t(), y) == "no error");
  CHECK(difference(hone::state_dict(trainer.model()), before) > 0.0);

  auto& model = trainer.model();
  CHECK(contains(message<std::invalid_argument>([&] { model->to(torch::kCUDA); }), "is compiled for the CPU"));
  CHECK(contains(message<std::invalid_argument>([&] { model->to(torch::kDouble); }), "keeps the dtype"));
  model->named_parameters()["frozen.weight"].set_requires_grad(true);
  CHECK(contains(message<std::invalid_argument>([&] { model->train(); }), "'frozen.weight' was frozen when"));
}

TEST_CASE("a package with changed compiled code throws DataError", "[.package]") {
  auto bytes = files::read(exported("plain"));
  bytes[bytes.find("\x7f"
                   "ELF") +
        5000] ^= 1;
  const files::Folder folder;
  const auto path = files::write(folder / "changed.pt2", bytes);
  CHECK(contains(message([&] { hone::ExportedModel{path}; }), "is damaged: the checksum of its record"));
}
