// SPDX-License-Identifier: Apache-2.0
/// Tests that the same network trains to the same weights with every form of model, loss and optimizer.
#include <torch/script.h>
#include <torch/torch.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "hone/callbacks/move_modules_to_device.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

template <class Model, class Loss, class Optimizer>
void train(Model model, Loss loss, Optimizer optimizer) {
  auto trainer = hone::Trainer{std::move(model), std::move(loss), std::move(optimizer)};
  const auto history = trainer.train(tiny::batches(3), tiny::batches(2), {.num_epochs = 2});
  CHECK(history.num_updates() == 6);
  CHECK(trainer.predict(tiny::batches(2)).size(0) == 8);
}

template <class Model>
void train(Model model) {
  train(std::move(model), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1, .momentum = 0.9});
}

const std::vector<Tensor>& expected() {
  static const auto weights = [] {
    tiny::Net net;
    train(net);
    return tiny::weights(net);
  }();
  return weights;
}

TEST_CASE("a model can be a module holder, a shared pointer or a reference") {
  tiny::Net shared, referred;
  train(shared.ptr());
  CHECK(tiny::equal(tiny::weights(shared), expected()));
  train(std::ref(*referred));
  CHECK(tiny::equal(tiny::weights(referred), expected()));
  tiny::NetImpl on_the_stack;
  train(std::ref(on_the_stack));
  CHECK(tiny::equal(tiny::weights(&on_the_stack), expected()));
}

TEST_CASE("a model passed by value is owned by the trainer") {
  auto trainer = hone::Trainer{tiny::NetImpl(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1, .momentum = 0.9}};
  trainer.train(tiny::batches(3), tiny::batches(2), {.num_epochs = 2});
  CHECK(tiny::equal(tiny::weights(&trainer.model()), expected()));
}

TEST_CASE("a model can be a torch::nn::Sequential") {
  tiny::Net net;
  torch::nn::Sequential layers(net->first, torch::nn::Tanh(), net->second);
  train(layers);
  CHECK(tiny::equal(tiny::weights(layers), expected()));
}

TEST_CASE("a model can be a scripted module that was built in C++") {
  tiny::Net net;
  torch::jit::Module script("Net");
  script.register_attribute("training", c10::BoolType::get(), false);
  for (const auto& parameter : net->named_parameters()) {
    auto name = parameter.key();
    std::replace(name.begin(), name.end(), '.', '_');
    script.register_parameter(name, parameter.value(), /*is_buffer=*/false);
  }
  script.define(R"(
def forward(self, x):
    h = torch.tanh(torch.linear(x, self.first_weight, self.first_bias))
    return torch.linear(h, self.second_weight, self.second_bias)
)");
  train(script);
  CHECK(tiny::distance(tiny::weights(net), expected()) < 1e-6);
  CHECK(!script.is_training());
}

TEST_CASE("a loss can be a lambda, a function object, a function pointer, a module or a shared pointer") {
  const auto lambda = [](const Tensor& outputs, const Tensor& target) {
    return torch::nn::functional::cross_entropy(outputs, target);
  };
  tiny::Net by_lambda, by_function, by_module, by_pointer, by_function_pointer;
  const hone::Sgd sgd{.lr = 0.1, .momentum = 0.9};
  train(by_lambda, lambda, sgd);
  CHECK(tiny::equal(tiny::weights(by_lambda), expected()));
  train(by_function, std::function<Tensor(const Tensor&, const Tensor&)>(lambda), sgd);
  CHECK(tiny::equal(tiny::weights(by_function), expected()));
  train(by_module, torch::nn::CrossEntropyLossImpl(), sgd);
  CHECK(tiny::equal(tiny::weights(by_module), expected()));
  train(by_pointer, torch::nn::CrossEntropyLoss().ptr(), sgd);
  CHECK(tiny::equal(tiny::weights(by_pointer), expected()));
  train(by_function_pointer, static_cast<Tensor (*)(const Tensor&, const Tensor&)>(lambda), sgd);
  CHECK(tiny::equal(tiny::weights(by_function_pointer), expected()));
}

TEST_CASE("an optimizer of torch::optim can be a value, a shared pointer, a unique pointer or a reference") {
  const auto options = torch::optim::SGDOptions(0.1).momentum(0.9);
  tiny::Net by_value, shared, unique, referred;
  const torch::nn::CrossEntropyLoss loss;
  train(by_value, loss, torch::optim::SGD(by_value->parameters(), options));
  train(shared, loss, std::make_shared<torch::optim::SGD>(shared->parameters(), options));
  train(unique, loss, std::make_unique<torch::optim::SGD>(unique->parameters(), options));
  torch::optim::SGD sgd(referred->parameters(), options);
  train(referred, loss, std::ref(sgd));
  for (const auto& net : {by_value, shared, unique, referred}) {
    CHECK(tiny::distance(tiny::weights(net), expected()) < 1e-6);
  }
}

TEST_CASE("an optimizer updates only the parameters of its groups") {
  tiny::Net net;
  const auto before = tiny::weights(net);
  train(net, torch::nn::CrossEntropyLoss(),
        hone::FusedOptimizer<hone::Sgd>(hone::named_parameters(net->second, "second."), {.lr = 0.1}));
  CHECK(torch::equal(net->first->weight, before[0]));
  CHECK(!torch::equal(net->second->weight, before[2]));
}

TEST_CASE("frozen parameters do not change") {
  tiny::Net net;
  net->first->weight.set_requires_grad(false);
  const auto before = tiny::weights(net);
  train(net, torch::nn::CrossEntropyLoss(), hone::AdamW{.lr = 0.1});
  CHECK(torch::equal(net->first->weight, before[0]));
  CHECK(!torch::equal(net->first->bias, before[1]));
}

TEST_CASE("an optimizer of another model throws std::invalid_argument") {
  tiny::Net net, other;
  CHECK_THROWS_AS((hone::Trainer{net, torch::nn::CrossEntropyLoss(), torch::optim::SGD(other->parameters(), 0.1)}),
                  std::invalid_argument);
  CHECK_THROWS_AS((hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = -1}}), std::invalid_argument);
}

/// A model with two inputs and two outputs.
struct TwoHeadsImpl : torch::nn::Module {
  std::pair<Tensor, Tensor> forward(const Tensor& a, const Tensor& b) { return {first(a + b), second(b)}; }
  tiny::Net first = register_module("first", tiny::Net());
  tiny::Net second = register_module("second", tiny::Net());
};
TORCH_MODULE(TwoHeads);

TEST_CASE("a model with two inputs and two outputs trains each output with its target") {
  using Targets = std::pair<Tensor, Tensor>;
  const auto cross_entropy = [](const std::pair<Tensor, Tensor>& outputs, const Targets& targets) {
    return torch::cross_entropy_loss(outputs.first, targets.first) +
           torch::cross_entropy_loss(outputs.second, targets.second);
  };
  const auto a = tiny::inputs() * 0.25, b = tiny::inputs() * 0.75;
  std::vector<std::tuple<Tensor, Tensor, Targets>> batches;
  for (const std::int64_t at : {0, 4, 8}) {
    const auto part = [at](const Tensor& of) { return of.slice(0, at, at + 4); };
    batches.emplace_back(part(a), part(b), Targets{part(tiny::labels()), part(1 - tiny::labels())});
  }
  TwoHeads model;
  auto trainer = hone::Trainer{model, cross_entropy, hone::Sgd{.lr = 0.1}};
  const auto history = trainer.train(batches, batches, {.num_epochs = 2});

  // The heads share no parameters, so each equals a model that is trained separately.
  tiny::Net first, second;
  hone::Trainer alone_first{first, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}};
  hone::Trainer alone_second{second, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}};
  std::vector<tiny::Batch> of_first, of_second;
  for (const auto& [x, y, targets] : batches) {
    of_first.emplace_back(x + y, targets.first);
    of_second.emplace_back(y, targets.second);
  }
  const auto history_first = alone_first.train(of_first, of_first, {.num_epochs = 2});
  const auto history_second = alone_second.train(of_second, of_second, {.num_epochs = 2});
  CHECK(tiny::distance(tiny::weights(model->first), tiny::weights(first)) < 1e-6);
  CHECK(tiny::distance(tiny::weights(model->second), tiny::weights(second)) < 1e-6);
  for (const auto* metric : {"train_loss_epoch", "eval_loss_epoch"}) {
    CHECK(history.at(metric) == Approx(history_first.at(metric) + history_second.at(metric)));
  }
}

struct TeacherImpl : torch::nn::Module {
  std::vector<torch::Device> moves;
  using torch::nn::Module::to;
  void to(torch::Device device, bool non_blocking = false) override {
    moves.push_back(device);
    torch::nn::Module::to(device, non_blocking);
  }
};
TORCH_MODULE(Teacher);

TEST_CASE("MoveModulesToDevice moves modules to the device of each run") {
  Teacher held, shared, own;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1},
                               hone::MoveModulesToDevice{held, shared.ptr(), std::ref(*own)}};
  CHECK(held->moves.empty());
  trainer.train(tiny::batches(2));
  trainer.evaluate(tiny::batches(2));
  for (const auto& teacher : {held, shared, own}) {
    CHECK(teacher->moves == std::vector<torch::Device>{torch::kCPU, torch::kCPU});
  }
}

}  // namespace
