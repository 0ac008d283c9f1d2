// SPDX-License-Identifier: Apache-2.0
#include "hone/memory/micro_batches.hpp"

#include <torch/torch.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hone/optim/sgd.hpp"
#include "hone/policies/gradients.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

void run_out_above(std::int64_t most, const Tensor& rows) {
  TORCH_CHECK_WITH(OutOfMemoryError, rows.size(0) <= most, "the device is full");
}

/// Runs out of memory above a number of samples, at the end of forward or within backward.
struct NetImpl : torch::nn::Module {
  Tensor forward(const Tensor& x) {
    tried.push_back(x.size(0));
    if (x.size(0) == 1) run_out_above(most_in_forward, x);  // batch norm rejects a single sample
    auto hidden = torch::dropout(norm(first(x)).tanh(), 0.2, is_training());
    if (is_training()) {
      hidden.register_hook([this](const Tensor& gradient) { run_out_above(most_in_backward, gradient); });
    }
    auto y = second(hidden);
    run_out_above(most_in_forward, y);
    return y;
  }
  torch::nn::Linear first = register_module("first", torch::nn::Linear(3, 5));
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(5));
  torch::nn::Linear second = register_module("second", torch::nn::Linear(5, 2));
  std::int64_t most_in_forward = 1'000, most_in_backward = 1'000;
  std::vector<std::int64_t> tried;
};
TORCH_MODULE(Net);

/// Records the losses and the number of rows of each batch.
struct RecordLosses {
  std::vector<double>* losses;
  std::vector<std::int64_t>* rows;
  void on_train_loss(const auto& event) { losses->push_back(event.output.loss.template item<double>()); }
  void on_train_step_end(const auto& event) {
    rows->push_back(event.output.outputs.size(0));
    CHECK(event.output.batch_size == event.batch.first.size(0));
  }
};

struct Seen {
  std::vector<Tensor> weights, buffers;
  std::vector<double> losses;
  std::vector<std::int64_t> rows, tried;
  std::int64_t size = 0, updates = 0;
  double epoch_loss = 0.0;
  Tensor random;
};

bool same(const Seen& a, const Seen& b) {
  return tiny::equal(a.weights, b.weights) && tiny::equal(a.buffers, b.buffers) && a.losses == b.losses &&
         a.rows == b.rows && a.updates == b.updates && a.epoch_loss == b.epoch_loss && torch::equal(a.random, b.random);
}

/// Trains two epochs of 20 samples in batches of 8.
Seen train(hone::MicroBatches policy, std::int64_t forward, std::int64_t backward, std::int64_t window = 1) {
  torch::manual_seed(11);
  Net net;
  net->most_in_forward = forward;
  net->most_in_backward = backward;
  Seen seen;
  hone::Trainer trainer{
      net,    torch::nn::CrossEntropyLoss{},         hone::Sgd{.lr = 0.1, .momentum = 0.9}, hone::GradAccum{window},
      policy, RecordLosses{&seen.losses, &seen.rows}};
  const auto history = trainer.train(tiny::dataset(20), {.num_epochs = 2, .per_device_batch_size = 8, .seed = 4});
  seen.weights = tiny::weights(net);
  for (const auto& buffer : net->buffers()) seen.buffers.push_back(buffer.clone());
  seen.tried = net->tried;
  const hone::Dict state = trainer.training_state();
  seen.size = std::exchange(trainer.splitting().state.size, 77);
  trainer.load_training_state(state);  // restores it
  CHECK(trainer.splitting().state.size == seen.size);
  seen.updates = trainer.run().num_updates();
  seen.epoch_loss = history.at("train_loss_epoch");
  seen.random = torch::rand({3});
  return seen;
}

}  // namespace

TEST_CASE("a run that runs out of memory is bitwise equal to a run with the size that fits") {
  const auto fixed = train({.size = 2}, 1'000, 1'000);
  CHECK(fixed.rows == std::vector<std::int64_t>{8, 8, 4, 8, 8, 4});
  CHECK((fixed.updates == 6 && fixed.losses.size() == 6));
  for (const auto& [forward, backward] : {std::pair{3, 1'000}, {1'000, 3}}) {
    const auto found = train({}, forward, backward);
    CHECK(same(found, fixed));
    CHECK(found.size == 2);
    CHECK(found.tried.size() == fixed.tried.size() + 2);
    CHECK(std::vector(found.tried.begin(), found.tried.begin() + 4) == std::vector<std::int64_t>{8, 4, 2, 2});
    const auto in_windows = train({}, forward, backward, 2), expected = train({.size = 2}, 1'000, 1'000, 2);
    CHECK(tiny::distance(in_windows.weights, expected.weights) < 1e-6);
    CHECK((in_windows.updates == 4 && expected.updates == 4));
  }
}

TEST_CASE("running out of memory within an accumulation window keeps the gradients of earlier batches") {
  // The first batch of 8 fits. After it, less memory is available.
  const auto run = [&](hone::MicroBatches policy, std::int64_t most_later) {
    torch::manual_seed(2);
    Net net;
    hone::Trainer trainer{
        net,    torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1, .momentum = 0.9}, hone::GradAccum<2>{},
        policy, hone::KeepGradients{}};
    net->train();
    auto batches = tiny::batches(2, 8);
    trainer.splitting().size = 0;
    trainer.step(batches[0]);
    const auto held = net->first->weight.grad();
    const auto before = held.clone();
    trainer.splitting().size = policy.size;
    if (most_later == 0) {
      const auto random = at::detail::getDefaultCPUGenerator().get_state();
      std::vector<Tensor> buffers;
      for (const auto& buffer : net->buffers()) buffers.push_back(buffer.clone());
      net->most_in_forward = 0;
      CHECK(tiny::contains(tiny::message_of<std::runtime_error>([&] { trainer.step(batches[1]); }),
                           "A micro-batch of 1 sample does not fit"));
      CHECK((held.is_same(net->first->weight.grad()) && torch::equal(held, before)));
      CHECK(tiny::equal(buffers, net->buffers()));
      CHECK(torch::equal(random, at::detail::getDefaultCPUGenerator().get_state()));
      CHECK(trainer.splitting().state.size == 0);
      net->most_in_forward = 1'000;
      most_later = 3;
    }
    net->most_in_backward = most_later;
    trainer.step(batches[1]);
    CHECK(held.is_same(net->first->weight.grad()));
    return tiny::weights(net);
  };
  const auto expected = run({.size = 2}, 1'000);
  CHECK(tiny::distance(run({}, 3), expected) < 1e-7);
  CHECK(tiny::distance(run({}, 0), expected) < 1e-7);
}

namespace {

/// A model of small integers, whose sums are exact in any order.
struct WholeNumbersImpl : torch::nn::Module {
  WholeNumbersImpl() {
    const torch::NoGradGuard none;
    layer->weight.copy_(torch::tensor({{1.0, -2.0, 3.0}}));
  }
  Tensor forward(const Tensor& x) {
    run_out_above(most, x);
    return layer(x);
  }
  torch::nn::Linear layer = register_module("layer", torch::nn::Linear(torch::nn::LinearOptions(3, 1).bias(false)));
  std::int64_t most = 3;
};
TORCH_MODULE(WholeNumbers);

/// A mean over the positive targets, whose number differs between micro-batches.
struct OverItems {
  struct Output {
    Tensor loss;
    std::int64_t batch_size, num_items;
  };
  Output train_batch_loss(auto& trainer, auto& batch) const {
    const auto counted = batch.second > 0;
    const auto items = counted.sum().template item<std::int64_t>();
    const auto scores = trainer.model()->forward(batch.first).squeeze(1);
    return {(scores * batch.second * counted).sum() / static_cast<double>(items), batch.first.size(0), items};
  }
};

}  // namespace

TEST_CASE("gradients and losses of micro-batches equal the values of the whole batch") {
  const auto x = torch::arange(24).reshape({8, 3}).remainder(5).to(torch::kFloat);
  const auto y = torch::tensor({1, 1, 2, -1, -3, 1, -1, 3}).to(torch::kFloat);  // five items: 2, 1, 1, 1 in parts of 2
  const auto run = [&](auto loss_by_hand, auto... more) {
    WholeNumbers net, reference;
    const auto loss_function = [](const Tensor& scores, const Tensor& target) {
      return (scores.squeeze(1) * target).mean();
    };
    hone::Trainer trainer{net, loss_function, hone::Sgd{.lr = 1.0}, hone::MicroBatches{}, more...};
    auto batch = std::pair{x, y};
    const auto output = trainer.step(batch);
    reference->most = 1'000;
    const Tensor loss = loss_by_hand(reference->forward(x));
    loss.backward();
    CHECK(output.batch_size == 8);
    return std::pair{Tensor(output.loss - loss).abs().item<float>(),
                     (net->layer->weight - (WholeNumbers()->layer->weight - reference->layer->weight.grad()))
                         .abs()
                         .max()
                         .item<float>()};
  };
  const auto [loss, weight] = run([&](const Tensor& scores) { return (scores.squeeze(1) * y).mean(); });
  CHECK((loss == 0.0F && weight == 0.0F));
  const auto [loss_of_items, weight_of_items] = run(
      [&](const Tensor& scores) {
        const auto counted = y > 0;
        return (scores.squeeze(1) * y * counted).sum() / counted.sum();
      },
      OverItems{});
  CHECK((loss_of_items < 1e-5F && weight_of_items < 1e-5F));
}

namespace {

/// Throws `error` at the end of the second micro-batch of 2 samples, after a batch norm has changed its buffers.
struct FailingImpl : torch::nn::Module {
  Tensor forward(const Tensor& x) {
    auto y = layer(torch::dropout(norm(x), 0.2, is_training()));
    if (throws && ++calls == 2) throws();
    return y;
  }
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(3));
  torch::nn::Linear layer = register_module("layer", torch::nn::Linear(3, 2));
  std::function<void()> throws{};
  int calls = 0;
};
TORCH_MODULE(Failing);

/// The state that a rollback restores.
struct Restored {
  std::vector<Tensor> buffers;
  Tensor gradient, random = at::detail::getDefaultCPUGenerator().get_state();

  explicit Restored(const Failing& model) : gradient(model->layer->weight.grad().clone()) {
    for (const auto& buffer : model->buffers()) buffers.push_back(buffer.clone());
  }
  friend bool operator==(const Restored& a, const Restored& b) {
    return tiny::equal(a.buffers, b.buffers) && torch::equal(a.gradient, b.gradient) &&
           torch::equal(a.random, b.random);
  }
};

}  // namespace

TEST_CASE("an exception other than out of memory keeps its type, and with size 0 the batch is rolled back") {
  const auto batches = tiny::batches(2, 4);
  const auto make = [](const Failing& model, std::int64_t size) {
    return hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, hone::GradAccum<2>{},
                         hone::MicroBatches{.size = size}};
  };
  Failing model;
  model->train();
  auto trainer = make(model, 0);
  trainer.step(batches[0]);
  trainer.splitting().state.size = 2;  // found in an earlier batch
  const Restored before(model);
  model->throws = [] { throw std::domain_error("from the model"); };
  CHECK(tiny::message_of<std::domain_error>([&] { trainer.step(batches[1]); }) == "from the model");
  CHECK(model->calls == 2);  // the batch is not run again
  CHECK(before == Restored(model));
  CHECK(trainer.splitting().state.size == 2);
  model->throws = nullptr;
  trainer.step(batches[1]);
  CHECK(trainer.run().num_updates() == 1);
}

TEST_CASE("with a fixed size, running out of memory throws DeviceError, and the batch is not run again") {
  const auto batch = tiny::batches(1, 4)[0];
  Failing model;
  model->throws = [] { TORCH_CHECK_WITH(OutOfMemoryError, false, "the device is full"); };
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, hone::MicroBatches{.size = 2}};
  try {
    trainer.step(batch);
    FAIL("It has trained.");
  } catch (const hone::DeviceError& error) {
    CHECK(tiny::contains(error.what(), "Out of memory on cpu: the device is full"));
    CHECK_THROWS_AS(std::rethrow_if_nested(error), c10::OutOfMemoryError);
  }
  CHECK(model->calls == 2);
  CHECK(trainer.run().num_updates() == 0);
}

TEST_CASE("the error of a sample that does not fit has LibTorch's error nested in it") {
  WholeNumbers net;
  net->most = 0;
  hone::Trainer trainer{net, torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}, hone::MicroBatches{}};
  try {
    trainer.step(std::pair{torch::ones({4, 3}), torch::ones({4, 1})});
    FAIL("It has trained.");
  } catch (const std::runtime_error& error) {
    CHECK(tiny::contains(error.what(), "A micro-batch of 1 sample does not fit"));
    CHECK_THROWS_AS(std::rethrow_if_nested(error), c10::OutOfMemoryError);
  }
}

TEST_CASE("a negative size throws std::invalid_argument") {
  WholeNumbers net;
  hone::MicroBatches policy{.size = -1};
  auto batch = std::pair{torch::ones({4, 3}), torch::ones({4})};
  const auto nothing = [](const auto&...) { return hone::BatchOutput<Tensor>{}; };
  const hone::BatchSurroundings around{c10::kCPU, {}, {}, nullptr, nullptr};
  CHECK_THROWS_AS(policy.learn(batch, nothing, nothing, around), std::invalid_argument);
}

static_assert(!hone::SplittingPolicy<hone::GradAccum<2>>);
