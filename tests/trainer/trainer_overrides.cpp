// SPDX-License-Identifier: Apache-2.0
/// Steps of the user's own in place of the trainer's.
#include <fmt/format.h>
#include <torch/torch.h>

#include <deque>

#include "hone/optim/sgd.hpp"
#include "hone/precision/mixed.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

/// What the loss step returns may have any members beside `loss` and `batch_size`.
struct TwoLosses {
  Tensor loss;
  std::int64_t batch_size;
  double penalty;
};
struct WithPenalty {
  double factor = 0.0;
  TwoLosses train_batch_loss(auto& trainer, auto& batch) {
    const auto output = trainer.train_batch_loss(batch);
    const auto penalty = trainer.model()->first->weight.square().sum() * factor;
    return {output.loss + penalty, output.batch_size, penalty.template item<double>()};
  }
};
struct HearsPenalty {
  std::vector<double>* penalties;
  void on_train_loss(const auto& event) { penalties->push_back(event.output.penalty); }
  void on_eval_step_end(const auto& event) { penalties->push_back(event.output.penalty); }
};

TEST_CASE("what a loss step of the user's own returns reaches the callbacks whole") {
  std::vector<double> penalties;
  tiny::Net net, weight_decay;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, WithPenalty{0.5},
                               HearsPenalty{&penalties}};
  const double expected = net->first->weight.square().sum().item<double>() * 0.5;
  const auto history = trainer.train(tiny::batches(2));
  REQUIRE(penalties.size() == 2);
  CHECK(penalties[0] == Approx(expected));
  CHECK(penalties[1] < penalties[0]);

  hone::Trainer{weight_decay, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}}.train(tiny::batches(2));
  CHECK(!tiny::equal(tiny::weights(net), tiny::weights(weight_decay)));
  penalties.clear();
  trainer.evaluate(tiny::batches(1));  // an evaluation uses the same step, unless it has one of its own
  CHECK(penalties.size() == 1);
}

/// A batch that is no pair of inputs and target, and a trainer with nothing but its own loss step for it.
struct Triplet {
  Tensor anchor, positive, negative;
};
struct TripletLoss {
  struct Output {
    Tensor loss;
    std::int64_t batch_size;
  };
  Output train_batch_loss(auto& trainer, const Triplet& batch) {
    auto& net = trainer.model();
    return {trainer.loss()(net->forward(batch.anchor), net->forward(batch.positive), net->forward(batch.negative)),
            batch.anchor.size(0)};
  }
};

TEST_CASE("with a loss step of the user's own, a batch may be anything") {
  tiny::Net net;
  auto trainer = hone::Trainer{net, torch::nn::TripletMarginLoss(), hone::Sgd{.lr = 0.1}, TripletLoss{}};
  const auto x = tiny::inputs(12);
  const std::vector<Triplet> triplets{{x.slice(0, 0, 4), x.slice(0, 4, 8), x.slice(0, 8, 12)}};
  const auto before = tiny::weights(net);
  const auto history = trainer.train(triplets, triplets, {.num_epochs = 2});
  CHECK(!tiny::equal(before, tiny::weights(net)));
  CHECK(history.values("eval_loss_epoch").size() == 2);
}

/// Sharpness-aware minimization: the step is taken with the gradient at the worst point nearby.
struct Sam {
  double rho;
  tiny::Batch last{};

  auto train_batch_loss(auto& trainer, auto& batch) {
    last = batch;
    return trainer.train_batch_loss(batch);
  }
  void optimizer_step(auto& trainer) {
    auto& net = trainer.model();
    std::vector<Tensor> offsets;
    {
      const torch::NoGradGuard no_gradients;
      Tensor square = torch::zeros({});
      for (const auto& p : net->parameters()) square += p.grad().square().sum();
      for (auto& p : net->parameters()) {
        offsets.push_back(p.grad() * (rho / square.sqrt()));
        p.add_(offsets.back());
      }
    }
    trainer.zero_grad();
    trainer.backward(trainer.train_batch_loss(last).loss);
    {
      const torch::NoGradGuard no_gradients;
      std::size_t i = 0;
      for (auto& p : net->parameters()) p.sub_(offsets[i++]);
    }
    trainer.optimizer_step();
  }
};

TEST_CASE("an optimizer step of the user's own may evaluate the loss again, as SAM does") {
  const auto batches = tiny::batches(3);
  tiny::Net net, by_hand;
  hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, Sam{0.05}}.train(batches);

  torch::optim::SGD sgd(by_hand->parameters(), 0.1);
  torch::nn::CrossEntropyLoss loss;
  for (const auto& [x, y] : batches) {
    loss(by_hand(x), y).backward();
    double square = 0.0;
    for (const auto& p : by_hand->parameters()) square += p.grad().square().sum().item<double>();
    const auto start = tiny::weights(by_hand);
    {
      const torch::NoGradGuard no_gradients;
      for (auto& p : by_hand->parameters()) p.add_(p.grad(), 0.05 / std::sqrt(square));
    }
    sgd.zero_grad();
    loss(by_hand(x), y).backward();
    {
      const torch::NoGradGuard no_gradients;
      for (std::size_t i = 0; i < start.size(); ++i) by_hand->parameters()[i].copy_(start[i]);
    }
    sgd.step();
    sgd.zero_grad();
  }
  CHECK(tiny::distance(tiny::weights(net), tiny::weights(by_hand)) < 1e-6);
}

struct Loaders {
  std::vector<std::string>* calls;
  auto create_train_dataloader(auto&, auto& dataset, const hone::LoaderOptions& options) {
    calls->push_back(fmt::format("train {} {} {}", options.batch_size, options.shuffle, options.drop_last));
    auto changed = options;
    changed.batch_size = 3;
    return hone::make_loader(dataset, changed);
  }
  decltype(auto) create_eval_dataloader(auto& trainer, auto& dataset, const hone::LoaderOptions& options) {
    calls->push_back(fmt::format("eval {} {}", options.batch_size, options.shuffle));
    return trainer.create_eval_dataloader(dataset, options);
  }
};

TEST_CASE("loaders of the user's own get the dataset and the resolved options") {
  std::vector<std::string> calls;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Loaders{&calls}};
  const auto history = trainer.train(tiny::dataset(), tiny::dataset(),
                                     {.per_device_batch_size = 6, .eval_per_device_batch_size = 4, .drop_last = true});
  CHECK(history.num_updates() == 4);
  trainer.evaluate(tiny::dataset(), {.per_device_batch_size = 12});
  trainer.predict(tiny::dataset());
  CHECK(calls == std::vector<std::string>{"train 6 true true", "eval 4 false", "eval 12 false", "eval 8 false"});
}

/// Counts what it replaces and does none of it.
struct DoesNothing {
  int* counts;
  void backward(auto&, const Tensor& loss) {
    CHECK(loss.requires_grad());
    ++counts[0];
  }
  void optimizer_step(auto&) { ++counts[1]; }
  void scheduler_step(auto&) { ++counts[2]; }
  void zero_grad(auto&) { ++counts[3]; }
  void train_epoch_start(auto&) { ++counts[4]; }
  void eval_epoch_start(auto&) { ++counts[5]; }
};
struct ModeWatch {
  bool* was_training;
  void on_train_loss(const auto& event) { *was_training = event.trainer.model()->is_training(); }
};

TEST_CASE("an override is called in place of the trainer's step, not beside it") {
  int counts[6] = {};
  tiny::Net net;
  bool was_training = true;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, DoesNothing{counts},
                               ModeWatch{&was_training}};
  net->eval();
  const auto before = tiny::weights(net);
  trainer.train(tiny::batches(3), tiny::batches(1), {.num_epochs = 2});
  CHECK(tiny::equal(before, tiny::weights(net)));
  CHECK(!was_training);
  CHECK(std::vector<int>(counts, counts + 6) == std::vector<int>{6, 6, 6, 6, 2, 2});
}

/// With accumulation, `backward` gets the batch's share of the window and may scale it further.
struct SeesShares {
  std::vector<double>* shares;
  void backward(auto& trainer, const Tensor& share) {
    shares->push_back(share.item<double>());
    trainer.backward(share);
  }
};
struct SeesLosses {
  std::vector<double>* losses;
  void on_train_loss(const auto& event) { losses->push_back(event.output.loss.template item<double>()); }
};

TEST_CASE("backward gets the share of the window, callbacks get the unscaled loss") {
  std::vector<double> shares, losses;
  auto trainer = hone::Trainer{tiny::Net(),          torch::nn::CrossEntropyLoss(), hone::Sgd{},
                               hone::GradAccum<4>{}, SeesShares{&shares},           SeesLosses{&losses}};
  trainer.train(tiny::batches(4));
  REQUIRE(shares.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(shares[i] == Approx(losses[i] / 4));
}

struct ClassOnly {
  auto predict_batch(auto& trainer, auto& batch) { return trainer.predict_batch(batch).argmax(1); }
};
struct TextOut {
  std::string predict_batch(auto&, auto& batch) { return fmt::format("{} samples", batch.first.size(0)); }
};

TEST_CASE("a prediction may be of any type: tensors are joined, anything else is a list") {
  auto classes = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, ClassOnly{}};
  const Tensor predicted = classes.predict(tiny::dataset(), {.per_device_batch_size = 5});
  CHECK(predicted.sizes() == torch::IntArrayRef{12});
  auto texts = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, TextOut{}};
  const std::vector<std::string> words = texts.predict(tiny::dataset(), {.per_device_batch_size = 5});
  CHECK(words == std::vector<std::string>{"5 samples", "5 samples", "2 samples"});
}

struct TimesHundred {
  auto train_batch_loss(auto& trainer, auto& batch) {
    auto output = trainer.train_batch_loss(batch);
    output.loss = output.loss * 100.0;
    return output;
  }
};
struct OwnEvaluation : TimesHundred {
  auto eval_batch_loss(auto& trainer, auto& batch) { return trainer.eval_batch_loss(batch); }
};

TEST_CASE("the trainer's own loss step of an evaluation is its own, whatever replaces the one of training") {
  auto batch = tiny::batches(1)[0];
  const auto make = [](auto... overrides) {
    return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, overrides...};
  };
  auto plain = make();
  auto times_hundred = make(TimesHundred{});
  auto own = make(OwnEvaluation{});
  const double loss = plain.evaluate_batch(batch).loss.item<double>();
  CHECK(times_hundred.eval_batch_loss(batch).loss.item<double>() == loss);
  CHECK(own.evaluate_batch(batch).loss.item<double>() == loss);
  CHECK(own.evaluate(std::vector{batch}).at("evaluation_loss") == Approx(loss));
  // Without an override for evaluations, they use the loss of training.
  CHECK(times_hundred.evaluate(std::vector{batch}).at("evaluation_loss") == Approx(100.0 * loss));
}

/// Calls the model itself in each place that may.
struct CallsModel {
  std::vector<at::ScalarType>* types;
  struct Output {
    torch::Tensor loss;
    std::int64_t batch_size;
  };
  torch::Tensor forward(auto& trainer, auto& batch) {
    auto outputs = trainer.model()->forward(batch.first);
    types->push_back(outputs.scalar_type());
    return outputs;
  }
  Output train_batch_loss(auto& trainer, auto& batch) {
    return {torch::nn::functional::cross_entropy(forward(trainer, batch), batch.second), batch.first.size(0)};
  }
  Output eval_batch_loss(auto& trainer, auto& batch) { return train_batch_loss(trainer, batch); }
  torch::Tensor predict_batch(auto& trainer, auto& batch) { return forward(trainer, batch); }
};

TEST_CASE("an override that calls the model runs in the number format of the precision policy") {
  std::vector<at::ScalarType> types;
  auto trainer =
      hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::Bf16{}, CallsModel{&types}};
  auto batch = tiny::batches(1)[0];
  trainer.train(tiny::batches(1), tiny::batches(1));
  trainer.predict(tiny::batches(1));
  trainer.step(batch);
  trainer.evaluate_batch(batch);
  CHECK(types == std::vector<at::ScalarType>(5, at::kBFloat16));
  CHECK(!at::autocast::is_autocast_enabled(at::kCPU));
}

}  // namespace
