// SPDX-License-Identifier: Apache-2.0
/// Compares the trainer bitwise with a hand-written LibTorch loop, with the same seed and order of samples.
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_sgd.h>
#include <torch/torch.h>

#include <cmath>
#include <numbers>

#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/schedule/step.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

constexpr int num_epochs = 3;
constexpr std::int64_t num_samples = 22, batch_size = 4;  // the last batch is short
constexpr std::uint64_t seed = 11;

struct Result {
  std::vector<Tensor> weights;
  std::vector<double> batch_losses, train_losses, eval_losses;
};

/// Returns the batches of each epoch, from the same loader as the trainer's.
std::vector<std::vector<tiny::Batch>> epochs() {
  torch::manual_seed(seed);
  hone::TensorLoader loader{tiny::dataset(num_samples), {.batch_size = batch_size, .shuffle = true, .seed = seed}};
  std::vector<std::vector<tiny::Batch>> all;
  for (int epoch = 0; epoch < num_epochs; ++epoch) {
    all.emplace_back();
    for (const auto& [x, y] : loader) all.back().emplace_back(x.clone(), y.clone());
  }
  return all;
}

/// Fused stochastic gradient descent with momentum, called directly.
struct FusedSgd {
  std::vector<Tensor> buffers{};
  bool first = true;
  void operator()(std::vector<Tensor>& parameters, std::vector<Tensor>& gradients, double lr) {
    if (first) {
      for (const auto& parameter : parameters) buffers.push_back(torch::zeros_like(parameter));
    }
    at::_fused_sgd_(parameters, gradients, buffers, /*weight_decay=*/0.0, /*momentum=*/0.9, lr, /*dampening=*/0.0,
                    /*nesterov=*/false, /*maximize=*/false, first);
    first = false;
  }
};

/// Fused Adam, called directly.
struct FusedAdam {
  std::vector<Tensor> averages{}, squares{}, steps{};
  void operator()(std::vector<Tensor>& parameters, std::vector<Tensor>& gradients, double lr) {
    if (averages.empty()) {
      for (const auto& parameter : parameters) {
        averages.push_back(torch::zeros_like(parameter));
        squares.push_back(torch::zeros_like(parameter));
        steps.push_back(torch::zeros({}));
      }
    }
    at::_foreach_add_(steps, 1);
    at::_fused_adam_(parameters, gradients, averages, squares, {}, steps, lr, 0.9, 0.999, 0.0, 1e-8, false, false);
  }
};

/// The hand-written loop. With `max_norm` 0, gradients are not clipped.
template <class Update, class Rate>
Result by_hand(Update update, Rate rate, double max_norm = 0.0) {
  Result result;
  tiny::Net net;
  torch::nn::CrossEntropyLoss loss_function;
  auto parameters = net->parameters();
  std::int64_t num_updates = 0;
  for (const auto& batches : epochs()) {
    net->train();
    double total = 0.0, samples = 0.0;
    for (const auto& [x, y] : batches) {
      Tensor loss = loss_function(net(x), y);
      result.batch_losses.push_back(loss.item<double>());
      total += loss.item<double>() * static_cast<double>(x.size(0));
      samples += static_cast<double>(x.size(0));
      loss.backward();
      if (max_norm > 0.0) torch::nn::utils::clip_grad_norm_(parameters, max_norm);
      const torch::NoGradGuard no_gradients;
      std::vector<Tensor> gradients;
      for (const auto& parameter : parameters) gradients.push_back(parameter.grad());
      update(parameters, gradients, rate(num_updates++));
      for (auto& parameter : parameters) parameter.mutable_grad().reset();
    }
    result.train_losses.push_back(total / samples);
    net->eval();
    const torch::NoGradGuard no_gradients;
    result.eval_losses.push_back(loss_function(net(tiny::inputs(6)), tiny::labels(6)).item<double>());
  }
  result.weights = tiny::weights(net);
  return result;
}

struct Losses {
  std::vector<double>* losses;
  void on_train_loss(const auto& event) { losses->push_back(event.output.loss.template item<double>()); }
};

template <class Optimizer, class... Settings>
Result by_trainer(Optimizer optimizer, Settings... settings) {
  Result result;
  tiny::Net net;
  auto trainer =
      hone::Trainer{net, torch::nn::CrossEntropyLoss(), optimizer, Losses{&result.batch_losses}, settings...};
  const auto history = trainer.train(
      tiny::dataset(num_samples), tiny::dataset(6),
      {.num_epochs = num_epochs, .per_device_batch_size = batch_size, .eval_per_device_batch_size = 6, .seed = seed});
  for (const auto& record : history.values("train_loss_epoch")) result.train_losses.push_back(record.value);
  for (const auto& record : history.values("eval_loss_epoch")) result.eval_losses.push_back(record.value);
  result.weights = tiny::weights(net);
  return result;
}

void check_equal(const Result& a, const Result& b) {
  CHECK(a.batch_losses == b.batch_losses);
  CHECK(a.train_losses == b.train_losses);
  CHECK(a.eval_losses == b.eval_losses);
  CHECK(tiny::equal(a.weights, b.weights));
  CHECK(a.train_losses.front() > a.train_losses.back());  // the loss decreases
}

TEST_CASE("SGD with momentum is bitwise equal to the hand-written loop") {
  check_equal(by_trainer(hone::Sgd{.lr = 0.1, .momentum = 0.9}), by_hand(FusedSgd{}, [](auto) { return 0.1; }));
}

TEST_CASE("Adam is bitwise equal to the hand-written loop") {
  check_equal(by_trainer(hone::Adam{.lr = 0.01}), by_hand(FusedAdam{}, [](auto) { return 0.01; }));
}

TEST_CASE("GradAccum{1} is bitwise equal to the hand-written loop") {
  check_equal(by_trainer(hone::Adam{.lr = 0.01}, hone::GradAccum{1}), by_hand(FusedAdam{}, [](auto) { return 0.01; }));
}

TEST_CASE("update n uses bitwise the schedule's value for n") {
  check_equal(by_trainer(hone::Sgd{.lr = 0.1, .momentum = 0.9}, hone::StepLr{.step_size = 4, .gamma = 0.5}),
              by_hand(FusedSgd{}, [](std::int64_t n) { return 0.1 * std::pow(0.5, static_cast<double>(n / 4)); }));
}

TEST_CASE("a cosine over the run length equals the formula up to rounding") {
  const auto ours = by_trainer(hone::Sgd{.lr = 0.1, .momentum = 0.9}, hone::CosineLr{.min_lr = 0.0});
  const auto hand = by_hand(FusedSgd{}, [](std::int64_t n) {
    return 0.05 * (1.0 + std::cos(std::numbers::pi * static_cast<double>(n) / 18.0));
  });
  CHECK(tiny::distance(ours.weights, hand.weights) < 1e-6);
}

TEST_CASE("ClipNorm equals LibTorch's clip_grad_norm_ up to rounding") {
  const auto ours = by_trainer(hone::Sgd{.lr = 0.1, .momentum = 0.9}, hone::ClipNorm{.max_norm = 0.1});
  const auto hand = by_hand(FusedSgd{}, [](auto) { return 0.1; }, 0.1);
  CHECK(tiny::distance(ours.weights, hand.weights) < 1e-6);  // LibTorch rounds the factor on the host
  const auto unclipped = by_trainer(hone::Sgd{.lr = 0.1, .momentum = 0.9}, hone::ClipNorm{.max_norm = 1e6});
  check_equal(unclipped, by_hand(FusedSgd{}, [](auto) { return 0.1; }));
}

/// Overrides that call the trainer's function, or do what it does.
struct Unchanged {
  int* calls;
  auto train_batch_loss(auto& trainer, auto& batch) { return ++*calls, trainer.train_batch_loss(batch); }
  auto eval_batch_loss(auto& trainer, auto& batch) { return ++*calls, trainer.eval_batch_loss(batch); }
  void backward(auto&, const Tensor& loss) { ++*calls, loss.backward(); }
  void optimizer_step(auto& trainer) { ++*calls, trainer.optimizer_step(); }
  void scheduler_step(auto& trainer) { ++*calls, trainer.scheduler_step(); }
  void zero_grad(auto& trainer) { ++*calls, trainer.zero_grad(); }
  void train_epoch_start(auto& trainer) { ++*calls, trainer.train_epoch_start(); }
  void eval_epoch_start(auto& trainer) { ++*calls, trainer.eval_epoch_start(); }
};

TEST_CASE("callbacks and overrides that change nothing keep the run bitwise equal") {
  struct Nosy {
    void on_before_optimizer_step(const hone::BeforeOptimizerStep&) {}
    void on_train_step_end(const hone::TrainStepEnd&) {}
  };
  const auto hand = by_hand(FusedSgd{}, [](auto) { return 0.1; });
  check_equal(by_trainer(hone::Sgd{.lr = 0.1, .momentum = 0.9}, Nosy{}), hand);
  int calls = 0;
  check_equal(by_trainer(hone::Sgd{.lr = 0.1, .momentum = 0.9}, Unchanged{&calls}), hand);
  // Six batches and one batch of evaluation in each epoch. `zero_grad` is also called at the start of the run.
  CHECK(calls == num_epochs * (6 * 5 + 1 + 2) + 1);
}

TEST_CASE("torch::optim::SGD agrees up to rounding") {
  tiny::Net net;
  torch::optim::SGD sgd(net->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  torch::nn::CrossEntropyLoss loss;
  for (const auto& batches : epochs()) {
    for (const auto& [x, y] : batches) {
      sgd.zero_grad();
      loss(net(x), y).backward();
      sgd.step();
    }
  }
  CHECK(tiny::distance(by_trainer(hone::Sgd{.lr = 0.1, .momentum = 0.9}).weights, tiny::weights(net)) < 1e-6);
}

}  // namespace
