// SPDX-License-Identifier: Apache-2.0
/// Compares custom loops with `step`, `finish_window` and `evaluate_batch` with `train`.
#include "hone/step/step.hpp"

#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <string_view>

#include "hone/callbacks/terminate_on_nan.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/step.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/trace.hpp"

namespace {

template <class... Settings>
auto trainer_of(tiny::Net net, Settings... settings) {
  return hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1, .momentum = 0.9}, settings...};
}

TEST_CASE("a custom loop with step equals train") {
  tiny::Net run, steps;
  trainer_of(run, hone::ClipNorm{.max_norm = 0.1}).train(tiny::batches(5));
  auto trainer = trainer_of(steps, hone::ClipNorm{.max_norm = 0.1});
  for (auto& batch : tiny::batches(5)) trainer.step(batch);
  CHECK(tiny::equal(tiny::weights(run), tiny::weights(steps)));
  CHECK(trainer.run().num_updates() == 5);
}

TEST_CASE("a change of the number of batches per update takes effect in the next window, also after a resume") {
  const auto batches = tiny::batches(6);
  const auto accumulate = [](std::int64_t number) { return hone::GradAccum<hone::dynamic>{number}; };
  tiny::Net changed, expected, resumed;
  auto trainer = trainer_of(changed, accumulate(4));
  for (int i = 0; i < 3; ++i) trainer.step(batches[static_cast<std::size_t>(i)]);
  trainer.accumulation() = accumulate(2);
  const auto state = hone::cloned(trainer.training_state());
  auto other = trainer_of(resumed, accumulate(4));
  other.load_training_state(state);
  other.accumulation() = accumulate(2);
  for (int i = 3; i < 6; ++i) {
    trainer.step(batches[static_cast<std::size_t>(i)]);
    other.step(batches[static_cast<std::size_t>(i)]);
  }
  CHECK(trainer.run().num_updates() == 2);

  auto reference = trainer_of(expected, accumulate(4));
  for (int i = 0; i < 4; ++i) reference.step(batches[static_cast<std::size_t>(i)]);
  reference.accumulation() = accumulate(2);
  for (int i = 4; i < 6; ++i) reference.step(batches[static_cast<std::size_t>(i)]);
  CHECK(tiny::equal(tiny::weights(changed), tiny::weights(expected)));
  CHECK(tiny::equal(tiny::weights(resumed), tiny::weights(expected)));

  trainer.accumulation().num_batches = 0;
  CHECK_THROWS_AS(trainer.step(batches[0]), std::invalid_argument);
  CHECK_THROWS_AS(trainer.train(batches), std::invalid_argument);
}

TEST_CASE("steps accumulate gradients, and finish_window averages the short window over its length") {
  tiny::Net run, steps;
  trainer_of(run, hone::GradAccum<3>{}).train(tiny::batches(5));
  auto trainer = trainer_of(steps, hone::GradAccum<3>{});
  for (const auto& batch : tiny::batches(5)) trainer.step(batch);
  CHECK(trainer.run().num_updates() == 1);
  trainer.finish_window();
  CHECK(trainer.run().num_updates() == 2);
  trainer.finish_window();  // no window is open
  CHECK(trainer.run().num_updates() == 2);
  CHECK(tiny::equal(tiny::weights(run), tiny::weights(steps)));
}

struct BeforeUpdates {
  int* calls;
  void on_before_optimizer_step(const auto& event) {
    ++*calls;
    if constexpr (requires { event.clipped; }) CHECK(event.clipped.template item<double>() == 0.0);
  }
};

/// A network with parameters that its outputs do not depend on.
struct PartlyUsedImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& inputs) { return net(inputs); }
  tiny::Net net = register_module("net", tiny::Net());
  torch::nn::Linear unused = register_module("unused", torch::nn::Linear(2, 2));
};
TORCH_MODULE(PartlyUsed);

template <class... Settings>
int calls_without_gradients(Settings... settings) {
  PartlyUsed model;
  int calls = 0;
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss(),
                        hone::FusedOptimizer<hone::Sgd>{hone::named_parameters(model->unused), {.lr = 0.1}},
                        BeforeUpdates{&calls}, settings...};
  trainer.step(tiny::batches(1)[0]);
  trainer.finish_window();
  return calls;
}

TEST_CASE("on_before_optimizer_step is called before each update, also if no parameter has a gradient") {
  CHECK(calls_without_gradients() == 1);
  CHECK(calls_without_gradients(hone::ClipNorm{.max_norm = 1.0}) == 1);
  CHECK(calls_without_gradients(
            hone::ClipNorm{.max_norm = 1.0, .norm_type = std::numeric_limits<double>::infinity()}) == 1);
  CHECK(calls_without_gradients(hone::ClipValue{.clip_value = 1.0}) == 1);
  CHECK(calls_without_gradients(hone::ClipNorm{.max_norm = 1.0}, hone::GradAccum<2>{}) == 1);  // in a short window
}

TEST_CASE("steps follow the learning rate schedule") {
  tiny::Net run, steps;
  const hone::StepLr schedule{.step_size = 2, .gamma = 0.5};
  trainer_of(run, schedule).train(tiny::batches(5));
  auto trainer = trainer_of(steps, schedule);
  std::vector<double> rates;
  for (const auto& batch : tiny::batches(5)) {
    trainer.step(batch);
    rates.push_back(trainer.optimizer().lr());
  }
  CHECK(rates == std::vector<double>{0.1, 0.05, 0.05, 0.025, 0.025});  // the rate of the next update
  CHECK(tiny::equal(tiny::weights(run), tiny::weights(steps)));
}

TEST_CASE("evaluations and predictions between steps do not change a custom loop") {
  tiny::Net alone, evaluated;
  const hone::StepLr schedule{.step_size = 1, .gamma = 0.5};
  auto first = trainer_of(alone, hone::GradAccum<2>{}, schedule);
  auto second = trainer_of(evaluated, hone::GradAccum<2>{}, schedule);
  for (const auto& batch : tiny::batches(5)) {
    first.step(batch);
    second.step(batch);
    second.evaluate(tiny::batches(2));
    second.predict(tiny::batches(1));
    second.evaluate_batch(batch);
    CHECK_THROWS_AS(second.evaluate(std::vector<tiny::Batch>{}), hone::DataError);
  }
  first.finish_window();
  second.finish_window();
  CHECK(tiny::equal(tiny::weights(alone), tiny::weights(evaluated)));
  CHECK(second.optimizer().num_updates() == 3);
}

TEST_CASE("a step dispatches its events and returns its output") {
  hone::Trace trace;
  auto trainer = trainer_of(tiny::Net(), hone::TracingCallback{&trace});
  trace.clear();
  const auto output = trainer.step(tiny::batches(1)[0]);
  CHECK(trace == hone::Trace{".on_train_step_start", ".on_train_loss", ".on_before_optimizer_step",
                             ".on_optimizer_step", ".on_train_step_end"});
  CHECK(output.batch_size == 4);
  CHECK(output.outputs.size(0) == 4);
  CHECK(output.loss.item<double>() > 0.0);
}

TEST_CASE("a step trains if the host has disabled gradients, and leaves them disabled") {
  tiny::Net net;
  auto trainer = trainer_of(net);
  const auto before = tiny::weights(net);
  const torch::NoGradGuard no_gradients;
  trainer.step(tiny::batches(1)[0]);
  CHECK(!torch::GradMode::is_enabled());
  CHECK(!tiny::equal(before, tiny::weights(net)));
}

TEST_CASE("after a batch that throws, the accumulation window continues without it") {
  tiny::Net net, other;
  auto trainer = trainer_of(net, hone::GradAccum<2>{});
  const auto batches = tiny::batches(2);
  trainer.step(batches[0]);
  CHECK_THROWS_AS(trainer.step(tiny::Batch{torch::zeros({4, 7}), tiny::labels(4)}), hone::DataError);
  trainer.step(batches[1]);
  CHECK(trainer.run().num_updates() == 1);
  trainer_of(other, hone::GradAccum<2>{}).train(batches);
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(other)));
}

TEST_CASE("train drops an open accumulation window") {
  tiny::Net net, other;
  auto trainer = trainer_of(net, hone::GradAccum<2>{});
  trainer.step(tiny::batches(1)[0]);
  trainer.train(tiny::batches(4));
  trainer_of(other, hone::GradAccum<2>{}).train(tiny::batches(4));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(other)));
}

struct NoisyImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& inputs) { return dropout(net(inputs)); }
  tiny::Net net = register_module("net", tiny::Net());
  torch::nn::Dropout dropout = register_module("dropout", torch::nn::Dropout(0.5));
};
TORCH_MODULE(Noisy);

TEST_CASE("evaluate_batch uses evaluation mode without gradients, and restores the modes") {
  Noisy noisy;
  auto trainer = hone::Trainer{noisy, torch::nn::CrossEntropyLoss(), hone::Sgd{}};
  noisy->train();
  const auto batch = tiny::batches(1)[0];
  const auto output = trainer.evaluate_batch(batch);
  CHECK(torch::equal(output.outputs, noisy->net(batch.first)));  // no dropout
  CHECK(!output.loss.requires_grad());
  CHECK(noisy->dropout->is_training());
  CHECK(torch::GradMode::is_enabled());
  CHECK(trainer.evaluate(std::vector<tiny::Batch>{batch}).at("evaluation_loss") == output.loss.item<double>());
}

TEST_CASE("a step that is stopped before the update keeps the weights, and the reason is available") {
  struct Stop {
    void on_train_loss(const hone::TrainLoss& event) { event.run.request_stop_before_update("enough"); }
  };
  tiny::Net net;
  const auto before = tiny::weights(net);
  auto trainer = trainer_of(net, Stop{});
  trainer.step(tiny::batches(1)[0]);
  CHECK(trainer.run().stop_requested());
  CHECK(trainer.run().stop_reason() == "enough");
  CHECK(tiny::equal(before, tiny::weights(net)));
}

TEST_CASE("a batch with a NaN loss is skipped, and the next one trains") {
  tiny::Net net, other;
  auto trainer = trainer_of(net, hone::TerminateOnNaN{});
  auto bad = tiny::batches(1)[0];
  bad.first = torch::full_like(bad.first, std::numeric_limits<float>::quiet_NaN());
  std::vector<double> losses;
  for (const auto& batch : tiny::batches(3)) {
    trainer.step(bad);
    CHECK(trainer.run().stop_requested());
    CHECK(trainer.run().stop_reason().find("NaN loss") != std::string_view::npos);
    losses.push_back(trainer.step(batch).loss.item<double>());
    CHECK(!trainer.run().stop_requested());
    CHECK(trainer.run().stop_reason().empty());
  }
  trainer_of(other).train(tiny::batches(3));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(other)));
  CHECK(trainer.mean_loss() == Approx((losses[0] + losses[1] + losses[2]) / 3));  // without the skipped batches
  trainer.reset_mean_loss();
  CHECK(std::isnan(trainer.mean_loss()));
}

struct Watching : torch::nn::Module {
  torch::nn::Linear layer = register_module("layer", torch::nn::Linear(3, 2));
  std::vector<int> threads;
  torch::Tensor forward(const torch::Tensor& inputs) {
    threads.push_back(at::get_num_threads());
    return layer(inputs);
  }
};

TEST_CASE("a step uses the policy's number of threads, and restores the host's number") {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  const auto batch = tiny::batches(1)[0];
  const auto used = [&](auto policy) {
    auto model = std::make_shared<Watching>();
    auto trainer = hone::Trainer{model, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, policy};
    trainer.step(batch);
    trainer.evaluate_batch(batch);
    at::set_num_threads(3);
    trainer.step(batch);
    CHECK(at::get_num_threads() == 3);
    at::set_num_threads(2);
    return model->threads;
  };
  CHECK(used(hone::AutoThreads{}) == std::vector{1, 1, 1});
  CHECK(used(hone::Threads{.num_threads = 1}) == std::vector{1, 1, 1});
  CHECK(used(hone::Threads{.num_threads = 2}) == std::vector{2, 2, 2});
  CHECK(used(hone::KeepThreads{}) == std::vector{2, 2, 3});
  at::set_num_threads(before);
}

}  // namespace
