// SPDX-License-Identifier: Apache-2.0
#include "hone/step/model.hpp"

#include <torch/script.h>
#include <torch/torch.h>

#include <memory>

#include "hone/step/batch_loss.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

struct Bare {  // not a module: a model needs only `forward`
  Tensor forward(const Tensor& inputs) { return inputs * 2; }
};
struct TwoInputs {
  Tensor forward(const Tensor& a, const Tensor& b) { return a + b; }
};

static_assert(std::is_same_v<hone::UnwrapRef<tiny::Net>, tiny::NetImpl>);
static_assert(std::is_same_v<hone::UnwrapRef<std::shared_ptr<tiny::NetImpl>>, tiny::NetImpl>);
static_assert(std::is_same_v<hone::UnwrapRef<std::reference_wrapper<Bare>>, Bare>);
static_assert(std::is_same_v<hone::UnwrapRef<Bare>, Bare>);
static_assert(hone::ForwardableWith<Bare, Tensor> && !hone::ForwardableWith<Bare, Tensor, Tensor>);
static_assert(hone::ForwardableWith<TwoInputs, Tensor, Tensor> && !hone::ForwardableWith<TwoInputs, Tensor>);
static_assert(hone::ForwardableWith<tiny::Net, const Tensor> && hone::ForwardableWith<torch::nn::Sequential, Tensor>);
static_assert(hone::ForwardableWith<torch::jit::Module, Tensor, Tensor>);

torch::jit::Module scripted() {
  torch::jit::Module inner("inner");
  inner.register_attribute("training", c10::BoolType::get(), true);
  inner.define("def forward(self, x):\n  return x * 3\n");
  torch::jit::Module outer("outer");
  outer.register_attribute("training", c10::BoolType::get(), true);
  outer.register_module("inner", inner);
  outer.define("def forward(self, x):\n  return self.inner.forward(x) if self.training else x\n");
  return outer;
}

TEST_CASE("forward calls a model in a holder, a shared pointer, a reference, and a scripted model") {
  tiny::Net holder;
  const auto x = tiny::inputs(4);
  const auto expected = holder->forward(x);
  auto shared = holder.ptr();
  auto reference = std::ref(*holder);
  CHECK(&hone::unwrap(holder) == holder.get());
  CHECK(&hone::unwrap(shared) == holder.get());
  CHECK(&hone::unwrap(reference) == holder.get());
  CHECK(torch::equal(hone::forward(holder, x), expected));
  CHECK(torch::equal(hone::forward(shared, x), expected));
  CHECK(torch::equal(hone::forward(reference, x), expected));
  Bare bare;
  CHECK(torch::equal(hone::forward(bare, x), x * 2));
  auto script = scripted();
  CHECK(torch::equal(hone::forward(script, x), x * 3));
}

TEST_CASE("a loss may be a function, a module, a holder or a shared pointer") {
  const auto outputs = tiny::inputs(4).slice(1, 0, 2), target = tiny::labels(4);
  const auto expected = torch::nn::functional::cross_entropy(outputs, target);
  auto function = [](const Tensor& o, const Tensor& t) { return torch::nn::functional::cross_entropy(o, t); };
  torch::nn::CrossEntropyLoss holder;
  auto shared = holder.ptr();
  torch::nn::CrossEntropyLossImpl module;
  CHECK(torch::equal(hone::loss_of(function, outputs, target), expected));
  CHECK(torch::equal(hone::loss_of(holder, outputs, target), expected));
  CHECK(torch::equal(hone::loss_of(shared, outputs, target), expected));
  CHECK(torch::equal(hone::loss_of(module, outputs, target), expected));
}

TEST_CASE("ModeGuard restores the mode of each submodule") {
  tiny::Net net;
  net->train();
  net->second->eval();
  {
    const hone::ModeGuard guard(net);
    hone::set_training(net, false);
    CHECK(!net->is_training());
    CHECK(!net->first->is_training());
  }
  CHECK(net->is_training());
  CHECK(net->first->is_training());
  CHECK(!net->second->is_training());
  net->eval();
  net->first->train();
  {
    const hone::ModeGuard guard(net);
    hone::set_training(net, true);
    CHECK(net->second->is_training());
  }
  CHECK(!net->is_training());
  CHECK(net->first->is_training());
  CHECK(!net->second->is_training());
}

TEST_CASE("ModeGuard restores a module that no shared pointer owns") {
  tiny::NetImpl on_the_stack;
  on_the_stack.second->eval();
  auto reference = std::ref(on_the_stack);
  {
    const hone::ModeGuard guard(reference);
    hone::set_training(reference, false);
    CHECK(!on_the_stack.is_training());
  }
  CHECK(on_the_stack.is_training());
  CHECK(!on_the_stack.second->is_training());
}

TEST_CASE("ModeGuard restores the other modules if a module is added during its lifetime") {
  torch::nn::Sequential model(torch::nn::Linear(2, 2));
  {
    const hone::ModeGuard guard(model);
    hone::set_training(model, false);
    model->push_back(torch::nn::Tanh());
  }
  CHECK(model->is_training());
  CHECK(model[0]->is_training());
}

TEST_CASE("ModeGuard restores the modes of a scripted module and its submodules") {
  auto script = scripted();
  script.train();
  auto inner = script.attr("inner").toModule();
  inner.eval();
  {
    const hone::ModeGuard guard(script);
    hone::set_training(script, false);
    CHECK(!script.is_training());
  }
  CHECK(script.is_training());
  CHECK(!script.attr("inner").toModule().is_training());
}

TEST_CASE("a scripted module without the attribute `training` is not changed") {
  torch::jit::Module script("plain");
  script.define("def forward(self, x):\n  return x\n");
  const hone::ModeGuard guard(script);
  hone::set_training(script, false);
  CHECK(!script.hasattr("training"));
}

TEST_CASE("ModeGuard, set_training and move_to accept a model that is not a module") {
  Bare bare;
  const hone::ModeGuard guard(bare);
  hone::set_training(bare, false);
  hone::move_to(bare, torch::kCPU);
}

TEST_CASE("move_to calls the model's `to`") {
  struct Moved {
    Tensor forward(const Tensor& inputs) { return inputs; }
    void to(c10::Device device) { at = device; }
    c10::Device at = torch::kMeta;
  } model;
  auto reference = std::ref(model);
  hone::move_to(reference, torch::kCPU);
  CHECK(model.at == c10::Device(torch::kCPU));
}

}  // namespace
