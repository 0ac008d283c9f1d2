// SPDX-License-Identifier: Apache-2.0
#include "hone/memory/saved_tensors.hpp"

#include <torch/torch.h>

#include <memory>

#include "support/catch.hpp"

namespace {

using torch::autograd::Engine;

/// Keeps the tensor, and counts the calls.
struct Counting final : torch::autograd::SavedVariableHooks {
  explicit Counting(int& count) : count_(count) {}
  void call_pack_hook(const at::Tensor& tensor) override {
    ++count_;
    kept_ = tensor.variable_data();
  }
  at::Tensor call_unpack_hook() override { return kept_; }
  int& count_;
  at::Tensor kept_;
};

struct CountingRegion final : hone::detail::SavedTensorRegion {
  hone::detail::SavedTensorHooks hooks() override { return std::make_unique<Counting>(count); }
  int count = 0;
};

/// An engine like Python's, which replaces the current engine when it is loaded, and has its own hooks.
struct Foreign final : Engine {
  ~Foreign() override { stop(); }
  hone::detail::SavedTensorHooks get_default_saved_variable_hooks() override {
    return has_hooks ? std::make_unique<Counting>(count) : nullptr;
  }
  bool has_hooks = false;
  int count = 0;
};
Foreign& foreign() {
  static Foreign engine;
  return engine;
}

double derivative() {
  const auto x = torch::ones({2}).requires_grad_();
  x.exp().sum().backward();
  return x.grad().sum().item<double>();
}

int saved_in_region() {
  CountingRegion region;
  CHECK(derivative() > 5.4);
  return region.count;
}

}  // namespace

TEST_CASE("the hooks of a region are used with any engine, and the engine's own hooks outside of the region") {
  CHECK(saved_in_region() == 1);
  CHECK(saved_in_region() == 1);
  torch::autograd::set_default_engine_stub([]() -> Engine& { return foreign(); });
  foreign().has_hooks = true;
  CHECK(derivative() > 5.4);
  CHECK(foreign().count == 1);
  CHECK(saved_in_region() == 1);  // wraps the new engine
  CHECK(foreign().count == 1);
  CHECK(derivative() > 5.4);
  CHECK(foreign().count == 2);
  foreign().has_hooks = false;
  CHECK(&Engine::get_default_engine() != &foreign());
}

TEST_CASE("anomaly detection and queued callbacks of an engine work within a region") {
  CountingRegion region;
  const auto x = torch::ones({2}).requires_grad_();
  {
    const torch::autograd::DetectAnomalyGuard anomaly(true);
    x.exp().sum().backward();
  }
  bool was_called = false;
  auto y = x * 2;
  y.register_hook([&](const at::Tensor&) { Engine::get_default_engine().queue_callback([&] { was_called = true; }); });
  y.sum().backward();
  CHECK(was_called);
}
