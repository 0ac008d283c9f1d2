// SPDX-License-Identifier: Apache-2.0
/// Tests of reduced precision with several ranks: an overflow on one rank counts for all ranks.
#include <torch/torch.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "hone/distributed/gloo.hpp"
#include "hone/distributed/zero.hpp"
#include "hone/optim/adam.hpp"
#include "hone/precision/mixed.hpp"
#include "hone/precision/pure.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using torch::Tensor;

/// A loss with which the gradient of one parameter overflows if `*is_spoiled`.
struct SpoiledLoss {
  const bool* is_spoiled;
  Tensor bias;
  Tensor operator()(const Tensor& outputs, const Tensor& target) const {
    const auto loss = torch::nn::functional::cross_entropy(outputs, target);
    return *is_spoiled ? loss + bias.sum() * std::numeric_limits<float>::max() : loss;
  }
};

constexpr int num_steps = 12, spoiled_step = 4;
constexpr std::int64_t whole_batch = 8;

/// Returns the weights after `num_steps` steps on this rank's `share` of each batch. If `spoils`, a gradient overflows
/// in step `spoiled_step`.
template <class Precision, class... Distribution>
Tensor weights_after(hone::DataShard share, bool spoils, const Precision& precision, Distribution... distribution) {
  tiny::Net net;
  bool is_spoiled = false;
  auto trainer = hone::Trainer{net,
                               SpoiledLoss{&is_spoiled, net->second->bias},
                               hone::AdamW{.lr = 0.02},
                               precision,
                               hone::ClipNorm{.max_norm = 0.3},
                               hone::GradAccum<2>{},
                               std::move(distribution)...};
  const auto batches = tiny::batches(num_steps, whole_batch);
  const std::int64_t size = whole_batch / share.world_size, first = size * share.rank;
  for (int i = 0; i < num_steps; ++i) {
    is_spoiled = spoils && i == spoiled_step;
    const auto& [inputs, labels] = batches[static_cast<std::size_t>(i)];
    trainer.step(std::pair{inputs.slice(0, first, first + size), labels.slice(0, first, first + size)});
  }
  std::vector<Tensor> flat;
  for (const auto& weight : tiny::weights(net)) flat.push_back(weight.reshape({-1}).to(at::kFloat));
  if constexpr (hone::ScalesLoss<Precision>) {
    flat.push_back(torch::tensor({static_cast<float>(trainer.precision().scale())}));
    CHECK(trainer.precision().skipped() == 1);
  }
  const auto result = torch::cat(flat);
  const auto all = trainer.all_gather(result.unsqueeze(0));
  for (std::int64_t rank = 0; rank < all.size(0); ++rank) CHECK(torch::equal(all[rank], result));
  return result;
}

TEST_CASE("a gradient overflow on one rank skips the update on all ranks", "[precision]") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    const hone::Fp16 fp16({.init_scale = 1024.0, .growth_interval = 2});
    const hone::DataShard share{placement.rank, placement.world_size};
    const bool spoils = placement.rank == 1;
    const auto group = [&] { return hone::Gloo{.placement = placement, .timeout = 20s}; };
    const auto alone = weights_after({}, true, fp16);
    const auto close = [&](const Tensor& together) { return (alone - together).abs().max().item<double>() < 5e-3; };
    CHECK(close(weights_after(share, spoils, fp16, hone::Ddp{group()})));
    CHECK(close(weights_after(share, spoils, fp16, hone::Zero<1>{group()})));
    CHECK(close(weights_after(share, spoils, fp16, hone::Zero<2>{group()})));
  });
}

TEST_CASE("16-bit weights are equal on all ranks", "[precision]") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    const hone::DataShard share{placement.rank, placement.world_size};
    const auto together =
        weights_after(share, false, hone::PureBf16{}, hone::Ddp{hone::Gloo{.placement = placement, .timeout = 20s}});
    const auto alone = weights_after({}, false, hone::PureBf16{});
    CHECK((alone - together).abs().max().item<double>() < 0.05);
  });
}

}  // namespace
