// SPDX-License-Identifier: Apache-2.0
/// Tests of overrides of the trainer's steps.
#include <fmt/format.h>
#include <torch/torch.h>

#include <deque>
#include <stdexcept>

#include "hone/callbacks/filters.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/precision/mixed.hpp"
#include "hone/schedule/linear.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

/// An output of a loss step with a member in addition to `loss` and `batch_size`.
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

TEST_CASE("callbacks get the complete output of an overridden loss step") {
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
  trainer.evaluate(tiny::batches(1));  // evaluations use the same step, unless eval_batch_loss is overridden
  CHECK(penalties.size() == 1);
}

/// A batch that is not a pair of inputs and target, and the loss step for it.
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

TEST_CASE("with an overridden loss step, a batch can be of any type") {
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

TEST_CASE("an overridden optimizer step can compute the loss again, as SAM does") {
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

TEST_CASE("overridden loader factories get the dataset and the resolved options") {
  std::vector<std::string> calls;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Loaders{&calls}};
  const auto history = trainer.train(tiny::dataset(), tiny::dataset(),
                                     {.per_device_batch_size = 6, .eval_per_device_batch_size = 4, .drop_last = true});
  CHECK(history.num_updates() == 4);
  trainer.evaluate(tiny::dataset(), {.per_device_batch_size = 12});
  trainer.predict(tiny::dataset());
  CHECK(calls == std::vector<std::string>{"train 6 true true", "eval 4 false", "eval 12 false", "eval 8 false"});
}

/// Counts the calls and does nothing.
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

TEST_CASE("an override replaces the trainer's step") {
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
  CHECK(std::vector<int>(counts, counts + 6) == std::vector<int>{6, 6, 6, 7, 2, 2});  // zero_grad: also at the start
}

/// Also clears the gradients of a second model, which the trainer does not have.
struct ClearsMore {
  tiny::Net other;
  int* count;
  void zero_grad(auto& trainer) {
    ++*count;
    trainer.zero_grad();
    other->zero_grad();
  }
};
struct DropsBatch {
  int* calls_before = nullptr;
  int* count = nullptr;
  void on_train_loss(const hone::TrainLoss& event) {
    if (event.run.batch() == 2) {
      *calls_before = *count;
      event.run.request_stop_before_update("enough");
    }
  }
};

TEST_CASE("the override zero_grad is called each time that gradients are cleared") {
  int count = 0, before_drop = 0;
  tiny::Net net, other;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, ClearsMore{other, &count},
                               DropsBatch{&before_drop, &count}};
  const auto pollute = [&] { other(tiny::inputs()).sum().backward(); };
  pollute();
  trainer.train(tiny::batches(4));
  CHECK(before_drop == 3);  // at the start of the run, and after two updates
  CHECK(count == 4);        // the batch that was dropped
  CHECK(!tiny::has_gradients(other));

  count = 0;
  pollute();
  trainer.step(tiny::batches(1)[0]);
  CHECK(count == 2);  // when the window begins, and after the update
  CHECK(!tiny::has_gradients(other));

  count = 0;
  pollute();
  trainer.load_checkpoint(trainer.checkpoint());
  CHECK(count == 1);
  CHECK(!tiny::has_gradients(other));

  count = 0;
  auto run = trainer.begin_run();
  CHECK(count == 1);
  pollute();
  CHECK_THROWS([&] {
    const auto unwound = std::move(run);
    throw std::runtime_error("the simulation failed");
  }());
  CHECK(count == 2);
  CHECK(!tiny::has_gradients(other));
}

/// Multiplies the schedule's learning rate by a factor.
struct ScalesRate {
  int* count = nullptr;
  void scheduler_step(auto& trainer) {
    ++*count;
    trainer.scheduler_step();
    trainer.optimizer().set_lr(trainer.optimizer().lr() * 0.5);
  }
};
struct LoadsWithin {
  hone::Dict* state = nullptr;
  double lr = 0.0;
  void on_resume_point(const auto& event) {
    if (event.run.num_updates() != 2 || state == nullptr) return;
    lr = event.trainer.optimizer().lr();
    event.trainer.load_checkpoint(*state);
    CHECK(event.trainer.optimizer().lr() == lr);
  }
};

TEST_CASE("resume keeps the learning rate of the override scheduler_step, which is called only for updates") {
  const auto batches = tiny::batches(4);
  int count = 0;
  const auto make = [&](const tiny::Net& net, auto... more) {
    return hone::Trainer{net,
                         torch::nn::CrossEntropyLoss(),
                         hone::Sgd{.lr = 0.4, .momentum = 0.9},
                         hone::LinearLr{.total_updates = 4, .start_factor = 1.0, .end_factor = 0.0},
                         ScalesRate{&count},
                         more...};
  };
  tiny::Net whole;
  std::vector<hone::Dict> states;
  const auto saves = hone::on<hone::ResumePoint>(
      [&](const auto& event) { states.push_back(hone::cloned(event.trainer.training_state())); });
  make(whole, saves).train(batches);
  CHECK(count == 4);
  REQUIRE(states.size() == 5);  // after each update, and after the epoch
  for (std::size_t after = 1; after < 4; ++after) {
    INFO(after);
    count = 0;
    tiny::Net resumed;
    make(resumed).resume(states[after - 1], batches);
    CHECK(count == 4 - static_cast<int>(after));
    CHECK(tiny::equal(tiny::weights(resumed), tiny::weights(whole)));
  }
  const std::vector one{batches[0]};
  tiny::Net stepped, again;
  auto first = make(stepped);
  first.train(one);
  const auto saved = hone::cloned(first.training_state());
  first.step(batches[1]);
  auto second = make(again);
  second.load_training_state(saved);
  second.step(batches[1]);
  CHECK(tiny::equal(tiny::weights(again), tiny::weights(stepped)));

  make(tiny::Net(), LoadsWithin{&states[3]}).train(batches);
}

/// With accumulation, `backward` gets the loss scaled by the batch's weight in the window.
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

TEST_CASE("with accumulation, backward gets the scaled loss and callbacks get the unscaled loss") {
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

TEST_CASE("predict concatenates tensors, and returns a vector of outputs of other types") {
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

TEST_CASE("trainer.eval_batch_loss does not call an override of train_batch_loss") {
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
  // Without an override of eval_batch_loss, evaluations use the override of train_batch_loss.
  CHECK(times_hundred.evaluate(std::vector{batch}).at("evaluation_loss") == Approx(100.0 * loss));
}

/// Overrides that call the model directly.
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

TEST_CASE("an override that calls the model runs in the dtype of the precision policy") {
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
