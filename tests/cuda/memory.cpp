// SPDX-License-Identifier: Apache-2.0
/// Tests of recomputed blocks, offloaded tensors and micro-batches on a GPU.
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "hone/devices/cuda.hpp"
#include "hone/memory/micro_batches.hpp"
#include "hone/memory/offload.hpp"
#include "hone/memory/recomputed.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;
namespace allocator = c10::cuda::CUDACachingAllocator;

struct LayerImpl : torch::nn::Module {
  Tensor forward(const Tensor& x) {
    return x + torch::dropout(second(torch::gelu(first(x)).tanh().exp()), 0.1, is_training());
  }
  torch::nn::Linear first = register_module("first", torch::nn::Linear(512, 1024));
  torch::nn::Linear second = register_module("second", torch::nn::Linear(1024, 512));
};
TORCH_MODULE(Layer);

/// Returns eight layers with fixed weights.
template <class Block>
torch::nn::Sequential layers() {
  torch::manual_seed(1);
  torch::nn::Sequential net;
  for (int i = 0; i < 8; ++i) net->push_back(Block());
  net->to(torch::kCUDA);
  return net;
}

struct Seen {
  std::vector<Tensor> gradients;
  std::int64_t peak = 0;  /// < Bytes beyond those allocated before.
};

/// Runs one forward, during the lifetime of the result of `scope`, and one backward.
Seen learn(torch::nn::Sequential net, auto&& scope) {
  const auto device = c10::cuda::current_device();
  const auto x = torch::ones({2048, 512}, torch::kCUDA);
  net->forward(x.slice(0, 0, 8)).sum().backward();  // allocates the memory that libraries keep
  for (auto& parameter : net->parameters()) parameter.mutable_grad() = torch::zeros_like(parameter);
  torch::manual_seed(3);
  allocator::resetPeakStats(device);
  const auto before = allocator::getDeviceStats(device).allocated_bytes[0].current;
  Tensor loss;
  {
    [[maybe_unused]] const auto region = scope();
    loss = net->forward(x).square().mean();
  }
  loss.backward();
  Seen seen{.gradients = {}, .peak = allocator::getDeviceStats(device).allocated_bytes[0].peak - before};
  for (const auto& parameter : net->parameters()) seen.gradients.push_back(parameter.grad());
  return seen;
}

void check_same(const Seen& seen, const Seen& expected) {
  UNSCOPED_INFO("peak: " << seen.peak << " bytes, plain " << expected.peak);
  CHECK(2 * seen.peak < expected.peak);
  REQUIRE(seen.gradients.size() == expected.gradients.size());
  for (std::size_t i = 0; i < seen.gradients.size(); ++i) {
    CHECK(torch::allclose(seen.gradients[i], expected.gradients[i], 1e-4, 1e-6));
  }
}

struct WideImpl : torch::nn::Module {
  Tensor forward(const Tensor& x) { return second(first(x).tanh().exp().sin()); }
  torch::nn::Linear first = register_module("first", torch::nn::Linear(3, 8192));
  torch::nn::Linear second = register_module("second", torch::nn::Linear(8192, 2));
};
TORCH_MODULE(Wide);

/// Trains on two batches of 4096 samples, with 128 MiB for each intermediate tensor.
auto train(hone::MicroBatches policy, std::int64_t spare_bytes) {
  torch::manual_seed(5);
  Wide net;
  hone::Trainer trainer{net, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, hone::Cuda<>{}, policy};
  net->train();
  auto small = tiny::batches(1, 8);
  trainer.step(small[0]);  // allocates the memory that libraries keep
  const auto device = c10::cuda::current_device();
  allocator::emptyCache();
  if (spare_bytes > 0) {
    const auto reserved = allocator::getDeviceStats(device).reserved_bytes[0].current;
    const auto total = static_cast<double>(at::getDeviceAllocator(c10::kCUDA)->getMemoryInfo(device).second);
    allocator::setMemoryFraction(static_cast<double>(reserved + spare_bytes) / total, device);
  }
  for (auto& batch : tiny::batches(2, 4096)) trainer.step(batch);
  allocator::setMemoryFraction(1.0, device);
  std::vector<Tensor> weights;
  for (const auto& weight : tiny::weights(net)) weights.push_back(weight.cpu());
  return std::pair{weights, trainer.splitting().state.size};
}

}  // namespace

TEST_CASE("recomputed blocks on a GPU use less memory and give the same gradients") {
  const auto nothing = [] { return 0; };
  check_same(learn(layers<hone::Recomputed<Layer>>(), nothing), learn(layers<Layer>(), nothing));
}

TEST_CASE("offloaded tensors use no memory of the GPU and give the same gradients") {
  const auto seen = learn(layers<Layer>(), [] { return hone::OffloadSaved{}; });
  check_same(seen, learn(layers<Layer>(), [] { return 0; }));
}

TEST_CASE("MicroBatches halves a batch until the GPU's memory suffices") {
  const auto [weights, size] = train({}, std::int64_t{400} << 20);
  CHECK((size > 0 && size < 4096));
  const auto [expected, fixed] = train({.size = 512}, 0);
  CHECK(tiny::distance(weights, expected) < 1e-4);
}
