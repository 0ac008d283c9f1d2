// SPDX-License-Identifier: Apache-2.0
/// Compares data parallel training with training on one rank, which other tests compare with PyTorch.
#include "hone/distributed/ddp.hpp"

#include <torch/torch.h>

#include "hone/distributed/gloo.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using torch::Tensor;

struct NetImpl : torch::nn::Module {
  NetImpl() {
    register_module("first", first);
    register_module("second", second);
  }
  Tensor forward(const Tensor& inputs) {
    const auto outputs = second(torch::tanh(first(inputs)));
    return spare ? spare(outputs) : outputs;
  }
  /// Adds a layer that `forward` calls only on ranks with `uses`.
  void add_spare(bool uses) {
    torch::manual_seed(9);
    auto made = register_module("spare", torch::nn::Linear(2, 2));
    made->to(second->weight.scalar_type());
    if (uses) spare = made;
  }
  torch::nn::Linear first{3, 16}, second{16, 2}, spare{nullptr};
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

/// A communicator with the device type of GPUs whose group sends from the CPU.
struct AsOnGpus {
  static constexpr at::DeviceType device_type = at::kCUDA;
  hone::ProcessGroup group;
  operator const hone::ProcessGroup&() const { return group; }
};
struct Gpu {
  using slot = hone::slots::Device;
};
static_assert(hone::is_compatible<hone::Ddp<hone::Gloo>, hone::Ddp<hone::Gloo>>);
static_assert(!hone::is_compatible<hone::Ddp<AsOnGpus>, hone::Ddp<AsOnGpus>>);
static_assert(hone::is_compatible<hone::Ddp<AsOnGpus>, hone::Ddp<AsOnGpus>, Gpu>);

hone::Gloo group(const hone::Placement& placement) { return hone::Gloo{.placement = placement, .timeout = 20s}; }

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
};

/// Trains on one rank and on all ranks, and compares weights, losses and predictions.
template <class Optimizer>
void compare(const hone::Placement& placement, const Optimizer& optimizer, const Case& c, hone::DdpOptions options,
             at::ScalarType type, double tolerance) {
  const auto n = placement.world_size;
  const auto data = dataset(c.samples, type);
  const auto window = hone::GradAccum{c.window};
  const auto num_epochs = 100 * c.whole_batch / c.samples + 1;
  Net alone = net(type), together = net(type, /*seed=*/7 + static_cast<std::uint64_t>(placement.rank));
  auto reference =
      hone::Trainer{alone, torch::nn::MSELoss(), optimizer, window, hone::ClipNorm{.max_norm = c.max_norm}};
  const auto expected = reference.train(
      data, {.num_epochs = num_epochs, .per_device_batch_size = c.whole_batch, .max_updates = 100, .seed = 3});
  auto trainer = hone::Trainer{together,
                               torch::nn::MSELoss(),
                               optimizer,
                               window,
                               hone::ClipNorm{.max_norm = c.max_norm},
                               hone::Ddp{group(placement), options}};
  const auto history = trainer.train(
      data, {.num_epochs = num_epochs, .per_device_batch_size = c.whole_batch / n, .max_updates = 100, .seed = 3});
  INFO(c.samples << " samples, batch " << c.whole_batch << ", window " << c.window << ", buckets "
                 << options.bucket_bytes << (options.find_unused_parameters ? ", find unused" : "")
                 << (options.static_graph ? ", static" : "") << (options.overlap ? "" : ", no overlap") << ", format "
                 << static_cast<int>(options.gradient_format) << ", " << type);
  CHECK(distance(alone, together) <= tolerance);
  CHECK(trainer.run().num_updates() == reference.run().num_updates());
  CHECK(std::abs(history.at("train_loss_epoch") - expected.at("train_loss_epoch")) <= tolerance);
  const auto odd = dataset(c.samples - 1, type);
  CHECK(std::abs(trainer.evaluate(odd).at("evaluation_loss") - reference.evaluate(odd).at("evaluation_loss")) <=
        tolerance);
  CHECK((trainer.predict(odd) - reference.predict(odd)).abs().max().template item<double>() <= tolerance);
}

TEST_CASE("Ddp throws on every rank if a parameter is on another device than the communicator") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    struct Somewhere {
      at::Tensor weight;
      hone::NamedParameters named_parameters() const { return {{"weight", weight}}; }
    };
    Somewhere here{at::ones({2})}, there{at::ones({2}, placement.rank == 1 ? at::kMeta : at::kCPU)};
    const AsOnGpus all{hone::Gloo{.placement = placement, .timeout = 20s}};
    CHECK_NOTHROW(hone::Ddp{all}.start(here));
    CHECK_THROWS_WITH(hone::Ddp{all}.start(there),
                      Catch::Matchers::Contains("Ddp: rank 1 of 2 has the parameter 'weight'") &&
                          Catch::Matchers::Contains(" on meta, but its communicator uses cpu. Use the same device for "
                                                    "the trainer and the communicator: hone::Cuda<hone::dynamic>{i}"));
  });
}

TEST_CASE("n ranks train to the weights of one rank with the same global batches") {
  for (const int n : {2, 3}) {
    hone::require_ranks(n, 120s, [](const hone::Placement& placement) {
      const auto whole = 4 * placement.world_size;
      for (const Case& c : {Case{48, whole, 1, 1e9}, Case{48 + whole - 1, whole, 1, 0.05}, Case{51, whole, 3, 1e9}}) {
        compare(placement, hone::Sgd{.lr = 0.1, .momentum = 0.9}, c, {}, at::kDouble, 1e-12);
        compare(placement, hone::AdamW{.lr = 1e-2}, c, {}, at::kDouble, 1e-12);
        compare(placement, hone::Sgd{.lr = 0.1}, c, {}, at::kFloat, 1e-6);
        compare(placement, hone::AdamW{.lr = 1e-3}, c, {}, at::kFloat, 1e-6);
      }
    });
  }
}

/// A mean squared error with a learned weight.
struct LearnedLossImpl : torch::nn::Module {
  explicit LearnedLossImpl(double start) { weight = register_parameter("weight", torch::full({}, start, at::kDouble)); }
  Tensor forward(const Tensor& outputs, const Tensor& target) {
    return torch::exp(-weight) * (outputs - target).square().mean() + weight;
  }
  Tensor weight;
};
TORCH_MODULE(LearnedLoss);

TEST_CASE("parameters of the loss are broadcast from rank 0, and their gradients are averaged") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    const auto data = dataset(24, at::kDouble);
    Net alone = net(at::kDouble), together = net(at::kDouble);
    LearnedLoss loss_alone(0.5), loss_together(0.5 + placement.rank);
    hone::Trainer{alone, loss_alone, hone::Sgd{.lr = 0.1}}.train(
        data, {.num_epochs = 4, .per_device_batch_size = 8, .seed = 3});
    hone::Trainer{together, loss_together, hone::Sgd{.lr = 0.1}, hone::Ddp{group(placement)}}.train(
        data, {.num_epochs = 4, .per_device_batch_size = 4, .seed = 3});
    CHECK(distance(alone, together) <= 1e-12);
    CHECK(std::abs((loss_alone->weight - loss_together->weight).item<double>()) <= 1e-12);
    CHECK(loss_alone->weight.item<double>() != 0.5);
  });
}

TEST_CASE("every bucket size, gradient format and reducer option gives the weights of one rank") {
  hone::require_ranks(2, 120s, [](const hone::Placement& placement) {
    const Case c{50, 8, 2, 1e9};
    const hone::Sgd optimizer{.lr = 0.1};
    compare(placement, optimizer, c, {.bucket_bytes = 64, .first_bucket_bytes = 16}, at::kDouble, 1e-12);
    compare(placement, optimizer, c, {.find_unused_parameters = true}, at::kDouble, 1e-12);
    compare(placement, optimizer, {50, 8, 1, 1e9}, {.static_graph = true}, at::kDouble, 1e-12);
    compare(placement, optimizer, c, {.bucket_bytes = 64, .overlap = false}, at::kDouble, 1e-12);
    compare(placement, optimizer, c, {.gradient_format = hone::GradientFormat::bf16}, at::kFloat, 2e-3);
    compare(placement, optimizer, c, {.gradient_format = hone::GradientFormat::fp16}, at::kFloat, 2e-4);
    compare(placement, optimizer, c, {.overlap = false, .gradient_format = hone::GradientFormat::bf16}, at::kFloat,
            2e-3);
  });
}

TEST_CASE("a repeated run with Ddp gives bitwise equal weights") {
  hone::require_ranks(3, 60s, [](const hone::Placement& placement) {
    const auto data = dataset(50, at::kFloat);
    Net first = net(at::kFloat), second = net(at::kFloat);
    for (auto* model : {&first, &second}) {
      auto trainer = hone::Trainer{*model,
                                   torch::nn::MSELoss(),
                                   hone::AdamW{.lr = 1e-2},
                                   hone::GradAccum{2},
                                   hone::ClipNorm{.max_norm = 0.1},
                                   hone::Ddp{group(placement)}};
      trainer.train(data, {.num_epochs = 5, .per_device_batch_size = 4, .seed = 3});
    }
    CHECK(distance(first, second) == 0.0);
  });
}

TEST_CASE("a parameter that one rank does not use gets the mean gradient, with zero from that rank") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    Net together = net(at::kDouble);
    together->add_spare(placement.rank == 0);
    const auto data = dataset(8, at::kDouble);
    const auto [inputs, targets] = data.tensors();
    const auto half = [&](int rank) { return Batch(inputs.narrow(0, 4 * rank, 4), targets.narrow(0, 4 * rank, 4)); };
    Net with = net(at::kDouble), without = with;
    with->add_spare(true);
    auto loss = torch::mse_loss(with(half(0).first), half(0).second);
    with->spare = nullptr;
    loss = (loss + torch::mse_loss(with(half(1).first), half(1).second)) / 2;
    loss.backward();
    auto trainer = hone::Trainer{together,
                                 torch::nn::MSELoss(),
                                 hone::Sgd{.lr = 1.0},
                                 hone::GradAccum{1},
                                 hone::ClipNorm{.max_norm = 1e9},
                                 hone::Ddp{group(placement), {.find_unused_parameters = true}}};
    auto batch = half(placement.rank);
    trainer.step(batch);
    const auto before = with->named_parameters();
    for (const auto& item : together->named_parameters()) {
      const auto expected = before[item.key()] - before[item.key()].grad();
      CHECK((item.value() - expected).abs().max().item<double>() <= 1e-12);
    }
  });
}

TEST_CASE("an unused parameter throws on every rank without find_unused_parameters, and no rank deadlocks") {
  hone::require_ranks(
      2, 60s,
      [](const hone::Placement& placement) {
        Net together = net(at::kDouble);
        together->add_spare(placement.rank == 0);
        auto trainer = hone::Trainer{together,
                                     torch::nn::MSELoss(),
                                     hone::Sgd{},
                                     hone::GradAccum{1},
                                     hone::ClipNorm{.max_norm = 1e9},
                                     hone::Ddp{group(placement)}};
        trainer.train(dataset(8, at::kDouble), {.per_device_batch_size = 4});
      },
      {{.rank = 0,
        .message = "Rank 1 failed: The model's parameters 'spare.weight', 'spare.bias' got no gradient from a batch of "
                   "rank 1"},
       {.rank = 1,
        .message = "Pass Ddp {.find_unused_parameters = true}, or freeze the parameters that no batch uses."}});
}

TEST_CASE("the error of unused parameters counts only parameters that require a gradient") {
  hone::require_ranks(
      2, 60s,
      [](const hone::Placement& placement) {
        Net together = net(at::kDouble);
        together->add_spare(placement.rank == 0);
        auto parameters = together->named_parameters();
        for (const char* const frozen : {"first.weight", "spare.bias"}) parameters[frozen].set_requires_grad(false);
        auto trainer = hone::Trainer{together, torch::nn::MSELoss(), hone::Sgd{}, hone::Ddp{group(placement)}};
        trainer.train(dataset(8, at::kDouble), {.per_device_batch_size = 4});
      },
      {{.rank = 0, .message = "Rank 1 failed: The model's parameter 'spare.weight' got no gradient"},
       {.rank = 1, .message = "The model's parameter 'spare.weight' got no gradient from a batch of rank 1"}});
}

TEST_CASE("gradients of layers that are unfrozen between runs are reduced") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    Net alone = net(at::kDouble), together = net(at::kDouble);
    const auto data = dataset(48, at::kDouble);
    const auto train = [&](auto& trainer, Net& model, std::int64_t batch_size) {
      model->first->weight.set_requires_grad(false);
      trainer.train(data, {.num_epochs = 1, .per_device_batch_size = batch_size, .seed = 1});
      model->first->weight.set_requires_grad(true);
      trainer.train(data, {.num_epochs = 1, .per_device_batch_size = batch_size, .seed = 2});
    };
    auto reference = hone::Trainer{alone, torch::nn::MSELoss(), hone::Sgd{.lr = 0.1}, hone::GradAccum{1},
                                   hone::ClipNorm{.max_norm = 1e9}};
    auto trainer = hone::Trainer{together,
                                 torch::nn::MSELoss(),
                                 hone::Sgd{.lr = 0.1},
                                 hone::GradAccum{1},
                                 hone::ClipNorm{.max_norm = 1e9},
                                 hone::Ddp{group(placement)}};
    train(reference, alone, 8);
    train(trainer, together, 4);
    CHECK(distance(alone, together) <= 1e-12);
  });
}

TEST_CASE("static_graph with gradient accumulation throws on every rank") {
  hone::require_ranks(2, 60s,
                      [](const hone::Placement& placement) {
                        auto trainer = hone::Trainer{net(at::kDouble),
                                                     torch::nn::MSELoss(),
                                                     hone::Sgd{},
                                                     hone::GradAccum{2},
                                                     hone::ClipNorm{.max_norm = 1e9},
                                                     hone::Ddp{group(placement), {.static_graph = true}}};
                        trainer.train(dataset(8, at::kDouble), {.per_device_batch_size = 2});
                      },
                      {{.rank = 0, .message = "static_graph is set"}, {.rank = 1, .message = "static_graph is set"}});
}

TEST_CASE("an exception in a custom loop is reported to the other ranks", "[ddp]") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    auto trainer =
        hone::Trainer{net(at::kFloat), torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}, hone::Ddp{group(placement)}};
    Batch batch{torch::ones({2, 3}), torch::ones({2, 2})};
    const auto learn = [&] {
      auto run = trainer.begin_run();
      for (int i = 0; i < 3; ++i) {
        if (placement.rank == 1 && i == 1) throw std::runtime_error("the host failed");
        run.step(batch);
      }
      run.end();
    };
    const auto begin = std::chrono::steady_clock::now();
    if (placement.rank == 1) {
      CHECK_THROWS_WITH(learn(), "the host failed");
      return;
    }
    CHECK_THROWS_WITH(learn(), Catch::Matchers::Contains("Rank 1 failed: An exception in the calling code"));
    CHECK(std::chrono::steady_clock::now() - begin < 10s);  // the timeout is 20 s
  });
}

TEST_CASE("evaluate, predict and train throw if a loader does not have this rank's shard", "[ddp]") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    for (int kind = 0; kind < 3; ++kind) {
      auto trainer =
          hone::Trainer{net(at::kFloat), torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}, hone::Ddp{group(placement)}};
      hone::TensorLoader whole(dataset(8, at::kFloat), {.batch_size = 2});
      const auto run = [&] {
        if (kind == 0) trainer.evaluate(whole);
        if (kind == 1) trainer.predict(whole);
        if (kind == 2) trainer.train(dataset(8, at::kFloat), whole);
      };
      CHECK_THROWS_WITH(run(), Catch::Matchers::Contains("The loader has the shard of rank 0 of 1"));
    }
  });
}

}  // namespace
