// SPDX-License-Identifier: Apache-2.0
/// Compares training with sharded optimizers with one rank and the same data.
#include "hone/distributed/zero.hpp"

#include <sys/resource.h>
#include <torch/torch.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/finetune/gradual_unfreezing.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/state/sharded_checkpoint.hpp"
#include "hone/trainer/trainer.hpp"
#include "hone/tune/trial_run.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using torch::Tensor;

/// If `leaves_out`, `side` is used only in batches whose first input is negative.
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
  double norm_type = 2.0;
};

template <class... Distribution>
auto trainer_of(const Net& model, const auto& optimizer, const Case& c, Distribution... distribution) {
  return hone::Trainer{model,
                       torch::nn::MSELoss(),
                       optimizer,
                       hone::GradAccum{c.window},
                       hone::ClipNorm{.max_norm = c.max_norm, .norm_type = c.norm_type},
                       hone::CosineLr{.total_updates = 100},
                       std::move(distribution)...};
}

/// Trains on one rank and on all ranks, and compares weights, losses and learning rates.
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
    return each.train(data,
                      {.num_epochs = num_epochs, .per_device_batch_size = batch_size, .max_updates = 100, .seed = 3});
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

TEST_CASE("n ranks with a sharded optimizer train to the weights of one rank", "[zero]") {
  const hone::Sgd sgd{.lr = 0.1, .momentum = 0.9};
  hone::require_ranks(3, 120s, [&](const hone::Placement& placement) {
    const hone::DdpOptions small{.bucket_bytes = 256, .first_bucket_bytes = 64};
    for (const Case& c : {Case{48, 12, 1, 1e9}, Case{59, 12, 1, 0.05}, Case{51, 12, 3, 0.02}}) {
      compare<1>(placement, sgd, c, {}, at::kDouble, 1e-12);
      compare<1>(placement, hone::AdamW{.lr = 1e-2}, c, small, at::kDouble, 1e-12);
      compare<2>(placement, sgd, c, small, at::kDouble, 1e-12);
      compare<2>(placement, hone::AdamW{.lr = 1e-2}, c, {}, at::kDouble, 1e-12);
    }
    compare<1>(placement, hone::AdamW{.lr = 1e-3}, {51, 12, 2, 0.02}, {}, at::kFloat, 1e-6);
    compare<2>(placement, sgd, {51, 12, 2, 0.02}, {}, at::kFloat, 1e-6);
    compare<2>(placement, hone::AdamW{.lr = 1e-3}, {48, 12, 1, 1e9}, {.overlap = false}, at::kFloat, 1e-6);
  });
  hone::require_ranks(2, 120s, [&](const hone::Placement& placement) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    compare<1>(placement, hone::AdamW{.lr = 1e-2}, {50, 8, 2, 0.01, infinity}, {}, at::kDouble, 1e-12);
    compare<2>(placement, sgd, {50, 8, 2, 0.05, 1.0}, {}, at::kDouble, 1e-12);
    compare<2>(placement, sgd, {50, 8, 1, 1e9}, {.gradient_format = hone::GradientFormat::bf16}, at::kFloat, 2e-2);
  });
}

// -------------------------------------------------------------------------------------------- steps in a custom loop

const hone::AdamW adamw{.lr = 1e-2};

template <int stage>
auto zero_of(const Net& model, const hone::Placement& placement, const Case& c = {0, 12, 1, 0.05}) {
  return trainer_of(model, adamw, c,
                    hone::Zero<stage>{group(placement), {.bucket_bytes = 256, .first_bucket_bytes = 64}});
}
auto alone_of(const Net& model, const Case& c = {0, 12, 1, 0.05}) { return trainer_of(model, adamw, c); }

/// The batch of a step, or `rank`'s shard of it.
Batch batch_of(std::int64_t step, int rank = 0, int world_size = 1) {
  const auto inputs = (torch::arange(step * 36, step * 36 + 36, at::kDouble) * 0.37).cos().reshape({12, 3});
  const auto targets = torch::stack({inputs.sum(1).sin(), inputs.prod(1)}, 1);
  const std::int64_t size = 12 / world_size;
  return {inputs.narrow(0, rank * size, size), targets.narrow(0, rank * size, size)};
}

/// Trains the steps [from, to).
void learn(auto& trainer, std::int64_t from, std::int64_t to) {
  for (std::int64_t step = from; step < to; ++step) trainer.step(batch_of(step, trainer.rank(), trainer.world_size()));
}

/// Trains with a layer that in some steps only some ranks use, and in other steps no rank.
template <int stage>
void learn_leaving_out(const hone::Placement& placement) {
  Net together = net(at::kDouble), alone = net(at::kDouble);
  auto trainer = zero_of<stage>(together, placement, {0, 12, 1, 1e9});
  hone::FusedOptimizer<hone::AdamW> optimizer{hone::named_parameters(alone), adamw};
  together->leaves_out = alone->leaves_out = true;
  int num_without = 0, num_partly = 0;
  for (std::int64_t step = 0; step < 30; ++step) {
    optimizer.set_lr(trainer.optimizer().lr());
    trainer.step(batch_of(step, placement.rank, placement.world_size));
    int num_using = 0;
    for (int rank = 0; rank < placement.world_size; ++rank) {
      const auto [inputs, targets] = batch_of(step, rank, placement.world_size);
      num_using += inputs.index({0, 0}).item<double>() < 0.0 ? 1 : 0;
      (torch::mse_loss(alone(inputs), targets) / placement.world_size).backward();
    }
    num_without += num_using == 0 ? 1 : 0;
    num_partly += num_using > 0 && num_using < placement.world_size ? 1 : 0;
    optimizer.step();
    optimizer.zero_grad();
  }
  CHECK(num_without > 0);
  CHECK(num_partly > 0);
  CHECK(distance(together, alone) < 1e-12);
}

TEST_CASE("a parameter that some ranks or no ranks use in a step gets the update of one rank", "[zero]") {
  hone::require_ranks(2, 60s, learn_leaving_out<2>);
}

TEST_CASE("Zero<2> shards the optimizer state and the gradients", "[zero]") {
  struct Bytes {
    std::int64_t state[3], gradients[3], all;
  };
  const hone::Shared<Bytes> bytes;
  hone::require_ranks(3, 60s, [&](const hone::Placement& placement) {
    const auto rank = static_cast<std::size_t>(placement.rank);
    Net model = net(at::kDouble);
    auto trainer = zero_of<2>(model, placement, {0, 12, 2, 1e9});
    learn(trainer, 0, 3);  // the last step begins an accumulation window
    for (const auto& entry : trainer.optimizer().own_state()) {
      for (const auto& [name, value] : entry.fields) {
        if (value.dim() > 0) bytes->state[rank] += static_cast<std::int64_t>(value.nbytes());
      }
    }
    for (const auto& parameter : model->parameters()) {
      bytes->all += rank == 0 ? static_cast<std::int64_t>(parameter.nbytes()) : 0;
      if (parameter.grad().defined()) bytes->gradients[rank] += static_cast<std::int64_t>(parameter.grad().nbytes());
    }
  });
  CHECK(bytes->all == 162 * 8);
  std::int64_t state = 0, gradients = 0;
  for (int rank = 0; rank < 3; ++rank) {
    state += bytes->state[rank];
    gradients += bytes->gradients[rank];
    CHECK(static_cast<double>(bytes->gradients[rank]) < 1.2 * static_cast<double>(bytes->all) / 3);
    CHECK(bytes->state[rank] == 2 * bytes->gradients[rank]);
  }
  CHECK(gradients == bytes->all);
  CHECK(state == 2 * bytes->all);
}

TEST_CASE("a rank may own no parameters, and parameters unfrozen during training are sharded", "[zero]") {
  hone::require_ranks(3, 60s, [](const hone::Placement& placement) {
    Net together = net(at::kDouble), alone = net(at::kDouble);
    for (auto* each : {&together, &alone}) {
      for (const auto& parameter : (*each)->parameters()) parameter.set_requires_grad(false);
      (*each)->second->weight.set_requires_grad(true);
    }
    auto trainer = zero_of<2>(together, placement, {0, 12, 2, 0.05});
    CHECK(trainer.optimizer().own_places().size() == (placement.rank == 0 ? 1 : 0));
    auto reference = alone_of(alone, {0, 12, 2, 0.05});
    learn(trainer, 0, 7);
    learn(reference, 0, 7);
    trainer.finish_window();
    reference.finish_window();
    CHECK(distance(together, alone) < 1e-12);

    // Parameters that are unfrozen during training are sharded.
    for (auto* each : {&together, &alone}) {
      for (const auto& parameter : (*each)->parameters()) parameter.set_requires_grad(true);
    }
    const auto add = [](auto& of, const Net& model) {
      of.optimizer().add_group(hone::named_parameters(model->first, "first."), {.lr = 1e-3});
      of.optimizer().add_group({{"second.bias", model->second->bias}}, {.lr = 1e-3});
    };
    add(trainer, together);
    add(reference, alone);
    learn(trainer, 7, 21);
    learn(reference, 7, 21);
    CHECK(trainer.optimizer().own_places().size() == (placement.rank == 2 ? 2 : 1));
    CHECK(trainer.optimizer().lr(1) == reference.optimizer().lr(1));
    CHECK(distance(together, alone) < 1e-12);
    trainer.zero_grad();  // the optimizer does not have `side`
    for (const auto& parameter : {together->first->weight, together->second->bias}) CHECK(!parameter.grad().defined());
  });
}

/// A model that computes gradients without `backward`, as an exported model does.
struct GivenImpl : torch::nn::Module {
  GivenImpl() : layer(register_module("layer", torch::nn::Linear(3, 2))) { to(at::kDouble); }
  Tensor forward(const Tensor& inputs) { return layer(inputs); }
  auto loss_and_outputs(const Tensor& target, const Tensor& inputs) {
    struct {
      Tensor loss, outputs;
    } result{{}, layer(inputs)};
    result.loss = torch::mse_loss(result.outputs, target);
    gradients = torch::autograd::grad({result.loss}, parameters());
    result.loss = result.loss.detach();
    return result;
  }
  void hand_over_gradients(double share) {
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      at::Tensor& held = parameters()[i].mutable_grad();
      held = held.defined() ? held + gradients[i] * share : gradients[i] * share;
    }
  }
  torch::nn::Linear layer;
  std::vector<Tensor> gradients;
};
TORCH_MODULE(Given);

template <int stage>
void learn_given(const hone::Placement& placement) {
  torch::manual_seed(3);
  Given together, alone;
  const at::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < 2; ++i) alone->parameters()[i].copy_(together->parameters()[i]);
  const at::AutoGradMode gradients(true);
  hone::Trainer trainer{together, torch::nn::MSELoss(), hone::Sgd{.lr = 0.1}, hone::GradAccum<2>{},
                        hone::Zero<stage>{group(placement)}};
  hone::FusedOptimizer optimizer{hone::named_parameters(alone), hone::Sgd{.lr = 0.1}};
  for (std::int64_t step = 0; step < 8; ++step) {
    trainer.step(batch_of(step, placement.rank, placement.world_size));
    (torch::mse_loss(alone->forward(batch_of(step).first), batch_of(step).second) / 2).backward();
    if (step % 2 == 0) continue;
    optimizer.step();
    optimizer.zero_grad();
  }
  CHECK((together->layer->weight - alone->layer->weight).abs().max().item<double>() < 1e-12);
}

TEST_CASE("gradients that a model computes without backward are averaged", "[zero]") {
  hone::require_ranks(2, 60s, learn_given<1>);
  hone::require_ranks(2, 60s, learn_given<2>);
}

TEST_CASE("backward and step throw with the reason of the rank that failed", "[zero]") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    Net model = net(at::kDouble);
    hone::Zero<2> processes{group(placement)};
    processes.start(*model);
    auto optimizer = processes.shard(hone::FusedOptimizer{hone::named_parameters(model), adamw});
    processes.before_forward(true);
    if (placement.rank == 1) return processes.fail("It was tired.");
    const auto told = files::message<hone::DistributedError>(
        [&] { processes.backward(model(batch_of(0).first).sum(), true, [](const Tensor& loss) { loss.backward(); }); });
    CHECK(files::contains(told, "It was tired."));
    CHECK(files::contains(files::message<hone::DistributedError>([&] { optimizer.step(); }), "It was tired."));
  });
}

TEST_CASE("a repeated run with Zero<2> gives bitwise equal weights", "[zero]") {
  hone::require_ranks(3, 60s, [](const hone::Placement& placement) {
    Net first = net(at::kFloat), second = net(at::kFloat);
    for (const auto& model : {first, second}) {
      auto trainer = zero_of<2>(model, placement);
      trainer.train(dataset(51, at::kFloat), {.num_epochs = 3, .per_device_batch_size = 4, .seed = 3});
    }
    CHECK(distance(first, second) == 0.0);
  });
}

// ---------------------------------------------------------------------------------------------- without a trainer

static_assert(hone::ShardsOptimizer<hone::Zero<1>> && hone::ShardsOptimizer<hone::Zero<2>>);
static_assert(hone::Optimizer<hone::ShardedOptimizer<hone::Sgd>> &&
              hone::OptimizerShard<hone::ShardedOptimizer<hone::Sgd>>);
static_assert(hone::detail::TakesGroups<hone::ShardedOptimizer<hone::Sgd>>);  // GradualUnfreezing requires it

struct WideImpl : torch::nn::Module {
  WideImpl() : first(3, 300), second(300, 300), table(torch::nn::EmbeddingOptions(4, 3).sparse(true)) {
    register_module("first", first);
    register_module("second", second);
    register_module("table", table);
    to(at::kDouble);
  }
  Tensor forward(const Tensor& inputs) { return second(torch::tanh(first(inputs))).square().mean(); }
  torch::nn::Linear first, second;
  torch::nn::Embedding table;
};

TEST_CASE("sharding an optimizer keeps its groups, settings and state", "[zero]") {
  hone::require_ranks(3, 60s, [](const hone::Placement& placement) {
    Net alone = net(at::kDouble), together = net(at::kDouble);
    const auto made = [](const Net& model) {
      hone::FusedOptimizer<hone::AdamW> optimizer{hone::named_parameters(model->first, "first."), adamw};
      optimizer.add_group(hone::named_parameters(model->second, "second."), {.lr = 1e-3, .weight_decay = 0.1});
      return optimizer;
    };
    auto reference = made(alone), whole = made(together);
    const auto learn = [](Net& model, auto& optimizer) {
      torch::mse_loss(model(batch_of(1).first), batch_of(1).second).backward();
      optimizer.step();
      optimizer.zero_grad();
    };
    learn(alone, reference);
    learn(together, whole);
    hone::ShardedOptimizer<hone::AdamW> optimizer(std::move(whole), group(placement), 64);
    for (auto* each : {&reference.groups()[1], &optimizer.groups()[1]}) each->settings.weight_decay = 0.2;
    reference.set_lr(0, 2e-3);
    optimizer.set_lr(0, 2e-3);
    optimizer.set_base_lr(0, 3e-3);
    CHECK(optimizer.base_lr(0) == 3e-3);
    CHECK(optimizer.lr(0) == 2e-3);
    for (int step = 0; step < 3; ++step) {
      learn(alone, reference);
      learn(together, optimizer);
    }
    CHECK(distance(alone, together) == 0.0);  // each rank has all gradients here
    CHECK(optimizer.num_updates() == reference.num_updates());
    const auto state = optimizer.state(), expected = reference.state();
    for (std::size_t i = 0; placement.rank == 0 && i < expected.size(); ++i) {
      CHECK(state[i].parameter == expected[i].parameter);
      REQUIRE(state[i].fields.size() == expected[i].fields.size());
      for (std::size_t f = 0; f < expected[i].fields.size(); ++f) {
        CHECK(state[i].fields[f].first == expected[i].fields[f].first);
        CHECK(torch::equal(state[i].fields[f].second, expected[i].fields[f].second));
      }
    }
  });
}

TEST_CASE("parameters larger than a bucket are updated; sparse or repeated gradients throw", "[zero]") {
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    torch::manual_seed(static_cast<std::uint64_t>(placement.rank));
    WideImpl model;
    hone::Zero<2> processes{group(placement)};
    processes.start(model);
    auto optimizer = processes.shard(hone::FusedOptimizer{hone::named_parameters(model), adamw});
    const auto inputs = torch::ones({4, 3}, at::kDouble) * (placement.rank + 1);
    const auto pass = [&](const Tensor& loss, auto&& backward) {
      processes.before_forward(true);
      processes.backward(loss, true, backward);
    };
    const auto version = model.second->weight.unsafeGetTensorImpl()->version_counter().current_version();
    pass(model.forward(inputs), [](const Tensor& loss) { loss.backward(); });
    optimizer.step();
    CHECK(model.second->weight.unsafeGetTensorImpl()->version_counter().current_version() > version);
    for (const auto& parameter : model.parameters()) {
      const auto all = processes.group().all_gather(parameter.detach());
      CHECK(torch::equal(all[0], all[1]));
    }
    optimizer.zero_grad();
    const auto twice = files::message<std::logic_error>([&] {
      pass(model.forward(inputs), [](const Tensor& loss) {
        loss.backward({}, /*retain_graph=*/true);
        loss.backward();
      });
    });
    CHECK(files::contains(twice, "got a second gradient in one backward pass"));
    const auto sparse = files::message(
        [&] { pass(model.table(torch::zeros({2}, at::kLong)).sum(), [](const Tensor& loss) { loss.backward(); }); });
    CHECK(files::contains(sparse, "The gradient of 'table.weight' is sparse"));
  });
  hone::require_ranks(2, 60s, [](const hone::Placement& placement) {
    const auto of = placement.rank == 0 ? torch::ones({2}) : torch::ones({3});
    hone::ShardedOptimizer<hone::AdamW> optimizer(hone::FusedOptimizer{{{"bias", torch::ones({2})}}, adamw},
                                                  group(placement), 64);
    CHECK_THROWS_AS(optimizer.add_group({{"weight", of}}, adamw), hone::DistributedError);
    CHECK(optimizer.num_groups() == 1);
    hone::Zero<1> processes{group(placement)};
    CHECK_THROWS_WITH(
        static_cast<void>(processes.shard(hone::FusedOptimizer{{{"weight", of}}, adamw})),
        "The processes disagree on the optimizer's parameters: rank 0 has 'weight' of Float [2], frozen, rank 1 has "
        "'weight' of Float [3], frozen. Pass the optimizer the same parameters in the same order on every rank.");
  });
}

// ------------------------------------------------------------------------------------------------------------- files

bool is_equal(const hone::Value& a, const hone::Value& b) {
  if (const auto* tensor = std::get_if<at::Tensor>(&a.data())) return torch::equal(*tensor, b.get<at::Tensor>());
  if (const auto* dict = std::get_if<hone::Dict>(&a.data())) {
    return dict->size() == b.get<hone::Dict>().size() &&
           std::all_of(dict->begin(), dict->end(), [&](const auto& e) { return is_equal(e.value, b.at(e.key)); });
  }
  if (a.is<hone::List>() || a.is<hone::Tuple>()) {
    return std::ranges::equal(a.items(), b.items(), is_equal);
  }
  return a.description() == b.description();
}

/// Resumes from both forms of the checkpoint after step 8, and compares with the original run after step 16.
void go_on(auto make, const std::filesystem::path& folder, std::initializer_list<bool> forms = {false, true}) {
  const auto end = hone::read_checkpoint(folder / "end.pt");
  const auto whole = hone::read_checkpoint(folder / "8.pt").at("optimizer_state_dict");
  for (const bool sharded : forms) {
    Net model = net(at::kDouble, /*seed=*/8);
    auto trainer = make(model);
    if (sharded) {
      hone::load_sharded_checkpoint(trainer, folder / "sharded");
    } else {
      trainer.load_checkpoint(folder / "8.pt");
    }
    const auto state = trainer.checkpoint();
    if (trainer.rank() == 0) CHECK(is_equal(state.at("optimizer_state_dict"), whole));
    learn(trainer, 8, 16);
    Net expected = net(at::kDouble);
    hone::load_state_dict(expected, end.at("model_state_dict"));
    INFO(trainer.world_size() << " processes, " << (sharded ? "sharded" : "whole"));
    CHECK(distance(model, expected) < 1e-12);
  }
}

void write_and_go_on(const std::filesystem::path& folder, const hone::Placement& placement) {
  Net model = net(at::kDouble);
  auto trainer = zero_of<1>(model, placement);
  learn(trainer, 0, 4);
  hone::save_sharded_checkpoint(trainer, folder / "sharded");
  learn(trainer, 4, 8);
  hone::save_sharded_checkpoint(trainer, folder / "sharded", {.extra = {{"note", "after 8"}}});
  trainer.save_checkpoint(folder / "8.pt");
  const auto part = hone::cloned(trainer.checkpoint());
  learn(trainer, 8, 16);
  trainer.save_checkpoint(folder / "end.pt");
  const Tensor at_end = model->second->weight.detach().clone();

  // A rank's checkpoint in memory restores that rank bitwise, and only that rank.
  trainer.load_checkpoint(part);
  learn(trainer, 8, 16);
  CHECK(torch::equal(model->second->weight, at_end));
  if (placement.rank == 0) return;
  Net other = net(at::kDouble);
  auto reference = alone_of(other);
  CHECK_THROWS_WITH(reference.load_checkpoint(part), "The optimizer state is the shard of rank " +
                                                         std::to_string(placement.rank) +
                                                         " of 3 and lacks 'first.weight'. Load the file that rank 0 "
                                                         "saved, or all shards with load_sharded_checkpoint.");
}

TEST_CASE("whole and sharded checkpoints resume with any number of ranks, and PyTorch reads them", "[zero]") {
  const TemporaryFolder folder;
  hone::require_ranks(3, 60s, [&](const hone::Placement& placement) { write_and_go_on(folder.path, placement); });
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "sharded")) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"2-model.pt", "2-optimizer-0-of-3.pt", "2-optimizer-1-of-3.pt",
                                          "2-optimizer-2-of-3.pt", "checkpoint.pt"});
  for (const int n : {3, 2}) {
    hone::require_ranks(n, 60s, [&](const hone::Placement& placement) {
      go_on([&](const Net& model) { return zero_of<2>(model, placement); }, folder.path);
    });
  }
  hone::require_ranks(1, 60s, [&](const hone::Placement& placement) {
    go_on([](const Net& model) { return alone_of(model); }, folder.path);
    go_on([&](const Net& model) { return zero_of<2>(model, placement); }, folder.path);
    // Conversely, two ranks resume from a checkpoint of one rank.
    Net model = net(at::kDouble);
    auto trainer = alone_of(model);
    learn(trainer, 0, 8);
    trainer.save_checkpoint(folder / "8.pt");
  });
  hone::require_ranks(2, 60s, [&](const hone::Placement& placement) {
    go_on([&](const Net& model) { return zero_of<1>(model, placement); }, folder.path, {false});
  });

  const files::Python python(R"(
import pathlib
folder = pathlib.Path(')" + folder.path.string() +
                             R"(')
for path in folder.glob("**/*.pt"):
    torch.load(path, weights_only=True)
manifest = torch.load(folder / "sharded/checkpoint.pt", weights_only=True)
state = {}
for name in manifest["optimizer"]:
    state.update(torch.load(folder / "sharded" / name, weights_only=True)["optimizer_state_dict"]["state"])
whole = torch.load(folder / "end.pt", weights_only=True)
assert sorted(state) == sorted(whole["optimizer_state_dict"]["state"]) == list(range(6))
assert torch.load(folder / "sharded" / manifest["model"], weights_only=True)["note"] == "after 8"
model = torch.nn.ParameterList(list(whole["model_state_dict"].values()))
optimizer = torch.optim.AdamW(model.parameters())
optimizer.load_state_dict(whole["optimizer_state_dict"])
assert optimizer.state[model[0]]["step"] == 16
)");
  if (python.available) CHECK(python.output.empty());
}

TEST_CASE("a run resumes with another number of ranks, also after a trial run", "[zero]") {
  const TemporaryFolder folder;
  const auto data = [] { return dataset(48, at::kDouble); };
  hone::require_ranks(3, 60s, [&](const hone::Placement& placement) {
    Net model = net(at::kDouble);
    auto trainer = zero_of<2>(model, placement);
    trainer.train(data(), {.num_epochs = 2, .per_device_batch_size = 4, .seed = 3});
    const auto before = hone::cloned(trainer.checkpoint());
    hone::trial_run(
        trainer, data(), {.num_updates = 5, .per_device_batch_size = 4}, [](auto) {},
        [](auto, double) { return true; });
    CHECK(is_equal(trainer.checkpoint(), before));
    trainer.save_training_state(folder / "state.pt");
  });
  hone::require_ranks(3, 60s, [&](const hone::Placement& placement) {  // within an accumulation window
    Net model = net(at::kDouble), other = net(at::kDouble);
    auto trainer = zero_of<2>(model, placement, {0, 12, 3, 0.05});
    learn(trainer, 0, 5);
    trainer.save_training_state(folder / "in_window.pt");
    learn(trainer, 5, 9);
    auto later = zero_of<2>(other, placement, {0, 12, 3, 0.05});
    later.load_training_state(folder / "in_window.pt");
    learn(later, 5, 9);
    CHECK(distance(model, other) == 0.0);
    auto first = zero_of<1>(other, placement, {0, 12, 3, 0.05});
    CHECK_THROWS_WITH(
        first.load_training_state(folder / "in_window.pt"),
        "The training state does not match this trainer: It was saved in the middle of an accumulation window, with a "
        "distribution policy that averages gradients at another time. Use the trainer configuration that saved it.");
  });
  hone::require_ranks(2, 60s, [&](const hone::Placement& placement) {
    Net model = net(at::kDouble), alone = net(at::kDouble);
    auto trainer = zero_of<2>(model, placement);
    trainer.resume(folder / "state.pt", data(), {.num_epochs = 4, .per_device_batch_size = 6, .seed = 3});
    auto reference = alone_of(alone);
    reference.train(data(), {.num_epochs = 4, .per_device_batch_size = 12, .seed = 3});
    CHECK(distance(model, alone) < 1e-12);
  });
}

/// During its lifetime, this process can write at most 1 KiB to a file, if `really`.
class NoRoom {
 public:
  explicit NoRoom(bool really) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit little = before_;
    little.rlim_cur = really ? 1024 : before_.rlim_cur;
    std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &little);
  }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;
  ~NoRoom() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("a shard that cannot be written or read throws, and the previous checkpoint stays intact", "[zero]") {
  const TemporaryFolder folder;
  hone::require_ranks(2, 60s, [&](const hone::Placement& placement) {
    Net model = net(at::kDouble);
    auto trainer = zero_of<2>(model, placement);
    learn(trainer, 0, 2);
    hone::save_sharded_checkpoint(trainer, folder / "parts");
    {
      const NoRoom no_room(placement.rank == 1);
      try {
        hone::save_sharded_checkpoint(trainer, folder / "parts");
        FAIL_CHECK("no error");
      } catch (const hone::DataError& error) {
        CHECK(std::string(error.what()) ==
              "Rank 1: " + (folder / "parts" / "2-optimizer-1-of-2.pt").string() +
                  " cannot be written: File too large. Free disk space or raise the limit. Nothing was changed.");
      }
    }
    hone::load_sharded_checkpoint(trainer, folder / "parts");
    trainer.distribution().group().barrier();  // the other rank has read its shard
    trainer.on_rank_zero([&] {
      std::filesystem::remove(folder / "parts" / "1-optimizer-0-of-2.pt");
      std::filesystem::remove(folder / "parts" / "1-optimizer-1-of-2.pt");
    });
    CHECK_THROWS_AS(hone::load_sharded_checkpoint(trainer, folder / "parts"), hone::DataError);
  });
}

}  // namespace
