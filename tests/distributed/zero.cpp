// SPDX-License-Identifier: Apache-2.0
/// Optimizers divided among processes, against one process with the same data.
#include "hone/distributed/zero.hpp"

#include <torch/torch.h>

#include "hone/distributed/gloo.hpp"
#include "hone/loop/trainer.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using torch::Tensor;

/// `side` is left out where the first input of a batch is above 0.9, which is so in few batches.
struct NetImpl : torch::nn::Module {
  NetImpl() : first(3, 16), side(3, 16), second(16, 2) {
    register_module("first", first);
    register_module("side", side);
    register_module("second", second);
  }
  Tensor forward(const Tensor& inputs) {
    Tensor hidden = first(inputs);
    if (!leaves_out || inputs.index({0, 0}).item<double>() < 0.0) hidden = hidden + side(inputs);
    return second(torch::tanh(hidden));
  }
  bool leaves_out = false;
  torch::nn::Linear first, side, second;
};
TORCH_MODULE(Net);

using Batch = std::pair<Tensor, Tensor>;

hone::TensorDataset<Batch> dataset(std::int64_t samples, at::ScalarType type) {
  const auto inputs = (torch::arange(samples * 3, at::kDouble) * 0.37).cos().reshape({samples, 3});
  const auto targets = torch::stack({inputs.sum(1).sin(), inputs.prod(1)}, 1);
  return {inputs.to(type), targets.to(type)};
}

Net net(at::ScalarType type, std::uint64_t seed = 7) {
  torch::manual_seed(seed);
  Net made;
  made->to(type);
  return made;
}

hone::Gloo group(const hone::Placement& placement) { return hone::Gloo({.placement = placement, .timeout = 20s}); }

double distance(const Net& a, const Net& b) {
  double largest = 0.0;
  const auto as = a->parameters(), bs = b->parameters();
  for (std::size_t i = 0; i < as.size(); ++i) {
    largest = std::max(largest, (as[i] - bs[i]).abs().max().item<double>());
  }
  return largest;
}

struct Case {
  std::int64_t samples, whole_batch, window;
  double max_norm;
  double norm_type = 2.0;
};

template <class... Distribution>
auto trainer_of(const Net& model, const auto& optimizer, const Case& c, Distribution... distribution) {
  return hone::Trainer{model,
                       torch::nn::MSELoss(),
                       optimizer,
                       hone::GradAccum<hone::dynamic>{c.window},
                       hone::ClipNorm{c.max_norm, c.norm_type},
                       hone::CosineLr{},
                       std::move(distribution)...};
}

/// Trains alone and together, and compares weights, losses and learning rates.
template <int stage>
void compare(const hone::Placement& placement, const auto& optimizer, const Case& c, const hone::DdpOptions& options,
             at::ScalarType type, double tolerance) {
  const auto n = placement.world_size;
  const auto data = dataset(c.samples, type);
  const auto num_epochs = 100 * c.whole_batch / c.samples + 1;
  Net alone = net(type), together = net(type, /*seed=*/7 + static_cast<std::uint64_t>(placement.rank));
  auto reference = trainer_of(alone, optimizer, c);
  auto trainer = trainer_of(together, optimizer, c, hone::Zero<stage>{group(placement), options});
  const auto train = [&](auto& each, std::int64_t batch_size) {
    return each.train(data, {.num_epochs = num_epochs,
                             .per_device_batch_size = batch_size,
                             .max_num_train_steps = 100,
                             .seed = 3});
  };
  const auto expected = train(reference, c.whole_batch);
  const auto history = train(trainer, c.whole_batch / n);
  INFO("Zero<" << stage << ">, rank " << placement.rank << " of " << n << ": " << c.samples << " samples, batch "
               << c.whole_batch << ", window " << c.window << ", max norm " << c.max_norm << " of type " << c.norm_type
               << ", " << type);
  CHECK(distance(alone, together) <= tolerance);
  CHECK(trainer.run().num_updates() == reference.run().num_updates());
  CHECK(trainer.optimizer().lr() == reference.optimizer().lr());
  CHECK(std::abs(history.at("train_loss_epoch") - expected.at("train_loss_epoch")) <= tolerance);
}

template <int stage>
void compare_all(const hone::Placement& placement) {
  const auto whole = 4 * placement.world_size;
  for (const Case& c : {Case{48, whole, 1, 1e9}, Case{48 + whole - 1, whole, 1, 0.05}, Case{51, whole, 3, 0.02}}) {
    compare<stage>(placement, hone::Sgd{.lr = 0.1, .momentum = 0.9}, c, {}, at::kDouble, 1e-12);
    compare<stage>(placement, hone::AdamW{.lr = 1e-2}, c, {}, at::kDouble, 1e-12);
    compare<stage>(placement, hone::Sgd{.lr = 0.1, .momentum = 0.9}, c, {}, at::kFloat, 1e-6);
    compare<stage>(placement, hone::AdamW{.lr = 1e-3}, c, {}, at::kFloat, 1e-6);
  }
}

TEST_CASE("with a divided optimizer, n processes learn what one learns", "[zero]") {
  for (const int n : {2, 3}) {
    hone::require_ranks(n, 120s, [](const hone::Placement& placement) {
      compare_all<1>(placement);
      compare_all<2>(placement);
    });
  }
}

}  // namespace
