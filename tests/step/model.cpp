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

struct Bare {  // no module: `forward` is all that a model needs
  Tensor forward(const Tensor& inputs) { return inputs * 2; }
};
struct TwoInputs {
  Tensor forward(const Tensor& a, const Tensor& b) { return a + b; }
};

static_assert(std::is_same_v<hone::PointeeOf<tiny::Net>, tiny::NetImpl>);
static_assert(std::is_same_v<hone::PointeeOf<std::shared_ptr<tiny::NetImpl>>, tiny::NetImpl>);
static_assert(std::is_same_v<hone::PointeeOf<std::reference_wrapper<Bare>>, Bare>);
static_assert(std::is_same_v<hone::PointeeOf<Bare>, Bare>);
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

TEST_CASE("whatever holds a model, the model behind it is called") {
  tiny::Net holder;
  const auto x = tiny::inputs(4);
  const auto expected = holder->forward(x);
  auto shared = holder.ptr();
  auto reference = std::ref(*holder);
  CHECK(&hone::pointee(holder) == holder.get());
  CHECK(&hone::pointee(shared) == holder.get());
  CHECK(&hone::pointee(reference) == holder.get());
  CHECK(torch::equal(hone::forward(holder, x), expected));
  CHECK(torch::equal(hone::forward(shared, x), expected));
  CHECK(torch::equal(hone::forward(reference, x), expected));
  Bare bare;
  CHECK(torch::equal(hone::forward(bare, x), x * 2));
  auto script = scripted();
  CHECK(torch::equal(hone::forward(script, x), x * 3));
}

TEST_CASE("a loss may be a function, a module or a holder") {
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

TEST_CASE("each module of a model gets its own mode back") {
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

TEST_CASE("a module that no shared pointer holds has modes too") {
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

TEST_CASE("a module that joins the model in between does no harm") {
  torch::nn::Sequential model(torch::nn::Linear(2, 2));
  {
    const hone::ModeGuard guard(model);
    hone::set_training(model, false);
    model->push_back(torch::nn::Tanh());
  }
  CHECK(model->is_training());
  CHECK(model[0]->is_training());
}

TEST_CASE("a scripted module and all in it get their modes back") {
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

TEST_CASE("a scripted module without a mode, as one built in C++ may be, is left alone") {
  torch::jit::Module script("plain");
  script.define("def forward(self, x):\n  return x\n");
  const hone::ModeGuard guard(script);
  hone::set_training(script, false);
  CHECK(!script.hasattr("training"));
}

TEST_CASE("a model without modes has nothing to switch and nothing to restore") {
  Bare bare;
  const hone::ModeGuard guard(bare);
  hone::set_training(bare, false);
  hone::move_to(bare, torch::kCPU);
}

TEST_CASE("a model is moved as a whole") {
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
