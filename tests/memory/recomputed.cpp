// SPDX-License-Identifier: Apache-2.0
#include "hone/memory/recomputed.hpp"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/torch.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "memory/counting_allocator.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

/// A layer with random numbers, buffers and saved outputs.
struct LayerImpl : torch::nn::Module {
  explicit LayerImpl(std::int64_t width)
      : first(register_module("first", torch::nn::Linear(width, 2 * width))),
        norm(register_module("norm", torch::nn::BatchNorm1d(2 * width))),
        second(register_module("second", torch::nn::Linear(2 * width, width))) {}
  Tensor forward(const Tensor& x) {
    ++calls;
    return x + second(torch::dropout(torch::tanh(norm(first(x))), 0.3, is_training()));
  }
  torch::nn::Linear first;
  torch::nn::BatchNorm1d norm;
  torch::nn::Linear second;
  int calls = 0;
};
TORCH_MODULE(Layer);

/// Three blocks and a head. `Block` is `Layer` or a wrapper of it.
template <class Block>
struct NetImpl : torch::nn::Module {
  NetImpl() {
    torch::manual_seed(3);
    for (int i = 0; i < 3; ++i) blocks->push_back(Block(6));
    register_module("blocks", blocks);
    head = register_module("head", torch::nn::Linear(6, 2));
  }
  Tensor forward(const Tensor& x) { return head(blocks->forward(x)); }
  torch::nn::Sequential blocks;
  torch::nn::Linear head{nullptr};
};

template <class Net>
LayerImpl& layer_of(Net& net, std::size_t i = 0) {
  return dynamic_cast<LayerImpl&>(*net.blocks->ptr(i));
}

struct Seen {
  Tensor loss, random_after;
  std::vector<Tensor> gradients, buffers;
};

/// Runs forward and backward on two batches with accumulated gradients, and returns the results.
Seen train(torch::nn::Module& net, auto&& forward) {
  torch::manual_seed(7);
  Seen seen;
  for (int batch = 0; batch < 2; ++batch) {
    const auto loss = forward(torch::randn({5, 6})).square().mean();
    loss.backward();
    seen.loss = loss.detach();
  }
  seen.random_after = torch::rand({3});
  for (const auto& p : net.parameters()) seen.gradients.push_back(p.grad().clone());
  for (const auto& b : net.buffers()) seen.buffers.push_back(b.clone());
  return seen;
}

bool same(const Seen& a, const Seen& b) {
  return torch::equal(a.loss, b.loss) && torch::equal(a.random_after, b.random_after) &&
         tiny::equal(a.gradients, b.gradients) && tiny::equal(a.buffers, b.buffers);
}

template <class E = c10::Error, class F>
std::string error_of(F&& f) {
  return tiny::message_of<E>(std::forward<F>(f));
}

}  // namespace

TEST_CASE("loss, gradients, buffers and random numbers of a recomputed block are bitwise equal to a plain one") {
  NetImpl<Layer> plain;
  NetImpl<hone::Recomputed<Layer>> wrapped;
  REQUIRE(plain.named_parameters().keys() == wrapped.named_parameters().keys());
  const auto expected = train(plain, [&](const Tensor& x) { return plain.forward(x); });
  CHECK(same(expected, train(wrapped, [&](const Tensor& x) { return wrapped.forward(x); })));
  CHECK(layer_of(wrapped).calls == 4);

  NetImpl<Layer> called;
  CHECK(same(expected, train(called, [&](const Tensor& x) {
               return called.head(hone::recomputed(called.blocks, x));  // the holder of all three blocks
             })));
}

TEST_CASE("recomputed blocks nest, and modules that a recomputed function calls update their buffers twice") {
  NetImpl<Layer> plain, nested;
  const auto expected = train(plain, [&](const Tensor& x) { return plain.forward(x); });
  const auto seen = train(nested, [&](const Tensor& x) {
    return hone::recomputed(
        [&nested](Tensor y) {
          for (std::size_t i = 0; i < 3; ++i) y = hone::recomputed(layer_of(nested, i), y);
          return nested.head(y);
        },
        x);
  });
  CHECK(tiny::equal(seen.gradients, expected.gradients));
  CHECK(torch::equal(seen.random_after, expected.random_after));
  CHECK(layer_of(nested).norm->num_batches_tracked.item<int>() == 4);
  CHECK(layer_of(plain).norm->num_batches_tracked.item<int>() == 2);
}

TEST_CASE("a block is not recomputed in evaluation mode and without gradients") {
  NetImpl<hone::Recomputed<Layer>> net;
  auto& layer = layer_of(net);
  const auto x = torch::ones({5, 6});
  {
    const torch::NoGradGuard none;
    static_cast<void>(net.forward(x));
  }
  net.eval();
  net.forward(x).sum().backward();
  CHECK(layer.calls == 2);
}

TEST_CASE("a block can have several inputs and outputs, containers, and inputs without gradients") {
  const auto block = [](const std::pair<Tensor, std::vector<Tensor>>& pair, const Tensor& index, double factor) {
    return std::make_tuple((pair.first * pair.second[0]).sin() * factor, pair.second[1].index_select(0, index).exp(),
                           pair.second[1].argmax());
  };
  const auto run = [&](bool again) {
    torch::manual_seed(1);
    const auto a = torch::randn({4, 3}).requires_grad_(), b = torch::randn({4, 3}),
               c = torch::randn({4, 3}).requires_grad_();
    const std::pair<Tensor, std::vector<Tensor>> pair{a * 1, {b, c}};
    const auto index = torch::tensor({2, 0});
    const auto [x, y, z] = again ? hone::recomputed(block, pair, index, 2.5) : block(pair, index, 2.5);
    CHECK(z.scalar_type() == torch::kLong);
    auto gradients = torch::autograd::grad({x.sum() + y.sum()}, {a, c}, {}, /*retain_graph=*/true);
    for (const auto& g : torch::autograd::grad({x.sum() + y.sum()}, {a, c})) gradients.push_back(g);
    return gradients;
  };
  CHECK(tiny::equal(run(true), run(false)));
}

TEST_CASE("recomputation stops after the last tensor that backward needs, and accumulates each gradient once") {
  auto weight = torch::ones({3, 3}).requires_grad_(), bias = torch::zeros({3}).requires_grad_();
  int begun = 0, ended = 0, arrived = 0;
  const auto accumulator = torch::autograd::impl::grad_accumulator(weight);
  accumulator->add_post_hook(
      std::make_unique<torch::autograd::utils::LambdaPostHook>([&](const auto& results, const auto&) {
        ++arrived;
        return results;
      }));
  const auto block = [&](const Tensor& x) {
    ++begun;
    auto y = torch::linear(torch::linear(x, weight, bias).relu_(), weight, bias) + 1;
    ++ended;
    return y;
  };
  const auto x = torch::rand({2, 3});
  hone::recomputed(block, x).sum().backward();
  CHECK((begun == 2 && ended == 1 && arrived == 1));
  const auto gradient = weight.grad().clone();
  weight.mutable_grad().reset();
  block(x).sum().backward();
  CHECK(torch::equal(gradient, weight.grad()));
}

TEST_CASE("backward can run in another thread, twice, and for some of the inputs") {
  auto weight = torch::rand({3, 3}).requires_grad_();
  const auto x = torch::rand({2, 3}).requires_grad_();
  const auto block = [&](const Tensor& in) { return torch::dropout(torch::tanh(in.mm(weight)), 0.5, true).exp(); };
  torch::manual_seed(2);
  const auto plain = torch::autograd::grad({block(x).sum()}, {x, weight});
  torch::manual_seed(2);
  const auto loss = hone::recomputed(block, x).sum();
  std::thread([&] { CHECK(torch::equal(torch::autograd::grad({loss}, {x}, {}, true)[0], plain[0])); }).join();
  CHECK(tiny::equal(torch::autograd::grad({loss}, {x, weight}, {}, true), plain));
  CHECK(tiny::equal(torch::autograd::grad({loss}, {x, weight}), plain));
  CHECK_THROWS_AS(torch::autograd::grad({loss}, {x}), c10::Error);
}

TEST_CASE("a recomputed block has second derivatives") {
  const auto x = torch::rand({3}).requires_grad_();
  const auto second = [&](const Tensor& y) {
    const auto first = torch::autograd::grad({y.sum()}, {x}, {}, true, /*create_graph=*/true)[0];
    return torch::autograd::grad({first.sum()}, {x})[0];
  };
  const auto block = [](const Tensor& in) { return in.tanh() * in.exp(); };
  CHECK(torch::equal(second(hone::recomputed(block, x)), second(block(x))));
}

TEST_CASE("recomputation uses the autocast state of the forward pass, and restores the current one") {
  auto weight = torch::rand({4, 4}).requires_grad_();
  const auto x = torch::rand({4, 4});
  std::vector<torch::ScalarType> formats;
  const auto block = [&](const Tensor& in) {
    auto y = in.mm(weight);
    formats.push_back(y.scalar_type());
    return y.tanh();
  };
  const auto gradient = [&](auto&& call) {
    weight.mutable_grad().reset();
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::increment_nesting();
    const auto y = call(x);
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
    y.to(torch::kFloat).sum().backward();
    return weight.grad().clone();
  };
  const auto expected = gradient(block);
  CHECK(torch::equal(gradient([&](const Tensor& in) { return hone::recomputed(block, in); }), expected));
  CHECK(formats == std::vector(3, torch::kBFloat16));
  CHECK_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
}

TEST_CASE("an in-place modification of a needed tensor throws in backward, as in a plain call") {
  auto weight = torch::rand({3, 3}).requires_grad_();
  auto x = torch::rand({2, 3});
  const auto block = [&](const Tensor& in) { return in.mm(weight).tanh(); };
  const auto wrong = [&](auto&& spoil) {
    auto y = hone::recomputed(block, x);
    {
      const torch::NoGradGuard none;
      spoil(y);
    }
    return error_of([&] { y.sum().backward(); });
  };
  CHECK(tiny::contains(wrong([&](auto&) { x.add_(1); }), "modified by an inplace operation"));
  CHECK(tiny::contains(wrong([&](auto& y) { y.add_(1); }), "modified by an inplace operation"));
  const auto input = torch::rand({2, 3}).requires_grad_();
  auto y = hone::recomputed(block, input);
  weight.detach().mul_(2);
  CHECK(tiny::contains(error_of([&] { y.sum().backward(); }), "modified by an inplace operation"));
}

TEST_CASE("a block that differs when recomputed, throws, or calls backward throws an error") {
  auto weight = torch::rand({3, 3}).requires_grad_();
  const auto x = torch::rand({2, 3});
  int calls = 0;
  const auto changing = [&](const Tensor& in) { return ++calls == 1 ? in.mm(weight).exp().exp() : in.mm(weight); };
  CHECK(tiny::contains(error_of([&] { hone::recomputed(changing, x).sum().backward(); }), "saved different tensors"));
  const auto other = [&](const Tensor& in) { return in.slice(0, 0, ++calls).mm(weight); };
  calls = 0;
  CHECK(tiny::contains(error_of([&] { hone::recomputed(other, x).sum().backward(); }), "saved different tensors"));
  const auto throwing = [&](const Tensor& in) {
    if (++calls == 2) throw std::runtime_error("not twice");
    return in.mm(weight).tanh();
  };
  calls = 0;
  const auto y = hone::recomputed(throwing, x).sum();
  CHECK(error_of<std::runtime_error>([&] { y.backward(); }) == "not twice");
  y.backward();  // the graph is intact
  CHECK(weight.grad().defined());
  const auto own = [&](const Tensor& in) {
    auto z = in.mm(weight).exp();
    z.sum().backward({}, true);
    return z;
  };
  CHECK(tiny::contains(error_of([&] { hone::recomputed(own, x); }), "before its forward pass ended"));
  // No region remains active.
  CHECK(hone::detail::SavedTensorRegion::innermost() == nullptr);
}

TEST_CASE("recomputed blocks need less than a third of the activation memory") {
  constexpr std::int64_t width = 64, batch = 256;
  torch::nn::Sequential plain, wrapped;
  for (std::uint64_t i = 0; i < 8; ++i) {
    torch::manual_seed(i);
    plain->push_back(Layer(width));
    torch::manual_seed(i);
    wrapped->push_back(hone::Recomputed<Layer>(width));
  }
  const auto x = torch::rand({batch, width});
  const auto peak = [&](torch::nn::Sequential& net) {
    net->forward(x).sum().backward();  // allocates the gradients
    return CountingAllocator::instance().peak_of([&] { net->forward(x).sum().backward(); });
  };
  const auto before = peak(plain), after = peak(wrapped);
  UNSCOPED_INFO("peak of activations: plain " << before << " bytes, recomputed " << after);
  CHECK(3 * after < before);
}
