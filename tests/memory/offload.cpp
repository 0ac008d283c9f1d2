// SPDX-License-Identifier: Apache-2.0
#include "hone/memory/offload.hpp"

#include <torch/torch.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "hone/memory/recomputed.hpp"
#include "memory/counting_allocator.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

constexpr hone::OffloadOptions everything{.min_bytes = 0, .from_host = true};

struct BlockImpl : torch::nn::Module {
  Tensor forward(const Tensor& x) {
    const auto parts = projection(x).chunk(3, -1);
    auto y = torch::softmax(parts[0].mm(parts[1].t()), -1).mm(parts[2]);
    y = torch::dropout(y.relu_(), 0.4, is_training());
    return x + y * y.mean(0).expand({x.size(0), x.size(1)});
  }
  torch::nn::Linear projection = register_module("projection", torch::nn::Linear(8, 24));
};
TORCH_MODULE(Block);

std::vector<Tensor> gradients_of(Block& block, auto&& forward) {
  torch::manual_seed(5);
  const auto x = torch::rand({16, 8}).requires_grad_();
  block->zero_grad();
  const auto loss = forward(x * 2).square().mean();
  loss.backward();
  std::vector<Tensor> all{loss.detach(), x.grad()};
  for (const auto& p : block->parameters()) all.push_back(p.grad().clone());
  return all;
}

std::string backward_error(const Tensor& y) {
  return tiny::message_of<c10::Error>([&] { y.sum().backward(); });
}

}  // namespace

TEST_CASE("gradients with offloaded tensors are bitwise equal to gradients without offloading") {
  Block block;
  const auto expected = gradients_of(block, [&](const Tensor& x) { return block(x); });
  std::int64_t bytes = 0;
  CHECK(tiny::equal(expected, gradients_of(block, [&](const Tensor& x) {
                      const hone::OffloadSaved region{.min_bytes = 0, .from_host = true};
                      auto y = block(x);
                      bytes = region.bytes();
                      return y;
                    })));
  CHECK(bytes > 0);
  hone::Offloaded<Block> wrapped;
  CHECK(wrapped->named_parameters().keys() == block->named_parameters().keys());
  CHECK(tiny::equal(expected, gradients_of(block, [&](const Tensor& x) { return hone::offloaded(block, x); })));
}

TEST_CASE("small tensors, parameters and their views are not offloaded, and shared memory is copied once") {
  auto weight = torch::rand({8, 8}).requires_grad_();
  const auto x = torch::rand({16, 8});
  const auto offloaded = [&](const hone::OffloadOptions& options, auto&& f) {
    const hone::OffloadSaved region{options.min_bytes, options.pin_memory, options.from_host};
    f();
    return region.bytes();
  };
  const auto product = [&] { return x.mm(weight.t()); };
  CHECK(offloaded(everything, product) == 16 * 8 * 4);
  CHECK(offloaded({.min_bytes = 16 * 8 * 4 + 1, .from_host = true}, product) == 0);
  CHECK(offloaded({.min_bytes = 0}, product) == 0);  // the tensor is in host memory
  CHECK(offloaded(everything, [&] {
          const auto y = product();
          static_cast<void>(y.exp() * y.slice(0, 0, 4).sum() + y.t().tanh().sum());
        }) > 0);
  const auto twice = [&] {
    auto y = product().relu();  // relu saves its result, and each product its input, the same tensor
    return y.mm(weight).sum() + y.view({8, 16}).sin().sum();
  };
  CHECK(offloaded(everything, twice) == 2 * 16 * 8 * 4);
}

TEST_CASE("a changed tensor is copied again, and a tensor that is changed after it was saved throws in backward") {
  auto weight = torch::rand({4}).requires_grad_();
  const auto run = [&](auto&& region_or_none) {
    weight.mutable_grad().reset();
    auto x = torch::arange(4).to(torch::kFloat);
    auto y = torch::zeros({});
    {
      [[maybe_unused]] const auto region = region_or_none();
      const auto kept = (weight * x.clone()).exp();
      auto z = kept * 2;
      z.relu_();
      y = (z * weight).sum() + (x * weight).sum();
    }
    y.backward();
    return weight.grad().clone();
  };
  CHECK(torch::equal(run([] { return 0; }), run([] { return hone::OffloadSaved{.min_bytes = 0, .from_host = true}; })));

  const auto spoiled = [&](auto&& spoil) {
    auto x = torch::rand({4});
    Tensor y;
    {
      const hone::OffloadSaved region{.min_bytes = 0, .from_host = true};
      y = (x * weight * weight).exp();
    }
    const torch::NoGradGuard none;
    spoil(x, y);
    const torch::AutoGradMode gradients(true);
    return backward_error(y);
  };
  CHECK(spoiled([](auto&, auto&) {}).empty());
  CHECK(tiny::contains(spoiled([](auto& x, auto&) { x.add_(1); }), "modified by an inplace operation"));
  CHECK(tiny::contains(spoiled([](auto&, auto& y) { y.add_(1); }), "modified by an inplace operation"));
  CHECK(tiny::contains(spoiled([&](auto&, auto&) { weight.add_(1); }), "modified by an inplace operation"));
}

TEST_CASE("regions nest, end, and apply to their thread only") {
  const auto x = torch::rand({64}).requires_grad_();
  const hone::OffloadSaved outer{.min_bytes = 0, .from_host = true};
  {
    const hone::OffloadSaved inner{.min_bytes = 0, .from_host = true};
    static_cast<void>(x.exp());
    CHECK(inner.bytes() == 64 * 4);
    CHECK(outer.bytes() == 0);
  }
  static_cast<void>(x.exp());
  CHECK(outer.bytes() == 64 * 4);
  std::thread([&] { static_cast<void>(x.exp()); }).join();
  CHECK(outer.bytes() == 64 * 4);
  CHECK_THROWS_AS(hone::OffloadSaved{.min_bytes = -1}, std::invalid_argument);
}

TEST_CASE("the inputs of a recomputed block are offloaded") {
  Block block;
  const auto expected = gradients_of(block, [&](const Tensor& x) { return block(x); });
  std::int64_t bytes = 0;
  CHECK(tiny::equal(expected, gradients_of(block, [&](const Tensor& x) {
                      const hone::OffloadSaved region{.min_bytes = 0, .from_host = true};
                      auto y = hone::recomputed(block, x);
                      bytes = region.bytes();
                      return y;
                    })));
  CHECK(bytes == 16 * 8 * 4);
}

TEST_CASE("offloaded tensors need no device memory") {
  // The CPU is the device: counts live bytes after forward, without the offloaded copies.
  Block block;
  torch::nn::Sequential net;
  for (int i = 0; i < 6; ++i) net->push_back(Block());
  const auto x = torch::rand({512, 8});
  auto& memory = CountingAllocator::instance();
  std::int64_t plain = 0, copies = 0, offloaded = 0;
  static_cast<void>(memory.peak_of([&] {
    const auto before = memory.live();
    {
      const auto y = net->forward(x);
      plain = memory.live() - before;
    }
    CHECK(memory.live() == before);
    {
      Tensor y;
      {
        const hone::OffloadSaved region{.min_bytes = 1024, .from_host = true};
        y = net->forward(x);
        copies = region.bytes();
      }
      offloaded = memory.live() - before - copies;
      y.sum().backward();
    }
    net->zero_grad();
    CHECK(memory.live() == before);  // no leaks
  }));
  UNSCOPED_INFO("alive after forward: plain " << plain << " bytes, offloaded " << offloaded);
  CHECK(20 * offloaded < plain);
}
