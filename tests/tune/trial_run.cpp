// SPDX-License-Identifier: Apache-2.0
#include "hone/tune/trial_run.hpp"

#include <torch/torch.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/files.hpp"
#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using tiny::Batch;

/// A model with dropout and buffers.
struct NoisyNetImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& inputs) { return last(dropout(norm(torch::tanh(first(inputs))))); }

  torch::nn::Linear first = register_module("first", torch::nn::Linear(3, 6));
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(6));
  torch::nn::Dropout dropout = register_module("dropout", torch::nn::Dropout(0.3));
  torch::nn::Linear last = register_module("last", torch::nn::Linear(6, 2));
};
TORCH_MODULE(NoisyNet);

struct Ears {
  int* heard;
  void on_train_step_end(const hone::TrainStepEnd&) { ++*heard; }
  void on_optimizer_step(const hone::OptimizerStep&) { ++*heard; }
  void on_save_checkpoint(const hone::SaveCheckpoint&) { ++*heard; }
  void on_load_checkpoint(const hone::LoadCheckpoint&) { ++*heard; }
};

struct Counts {
  std::int64_t steps = 0;
  void optimizer_step(auto& trainer) {
    ++steps;
    trainer.optimizer_step();
  }
  void serialize(auto& archive) { archive("steps", steps); }
};

/// A loss with a parameter and a buffer.
struct ScaledImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& outputs, const torch::Tensor& target) {
    const torch::NoGradGuard no_gradients;
    seen.add_(1);
    const torch::AutoGradMode gradients(true);
    return torch::nn::functional::cross_entropy(outputs * scale, target);
  }
  torch::Tensor scale = register_parameter("scale", torch::ones({1}));
  torch::Tensor seen = register_buffer("seen", torch::zeros({1}));
};
TORCH_MODULE(Scaled);

auto make(int& heard) {
  torch::manual_seed(3);
  return hone::Trainer{NoisyNet(),
                       torch::nn::CrossEntropyLoss{},
                       hone::AdamW{.lr = 0.01},
                       hone::GradAccum<3>{},
                       hone::ClipNorm{.max_norm = 1.0},
                       hone::ExponentialLr{.gamma = 0.9},
                       Counts{},
                       Ears{&heard}};
}

std::string file_of(auto& trainer) {
  const files::Folder folder;
  trainer.save_training_state(folder / "state.pt");
  return files::read(folder / "state.pt");
}

constexpr auto go_on = [](std::int64_t, double) { return true; };
constexpr auto nothing = [](std::int64_t) {};

struct Losses {
  std::vector<double>* all;
  void on_train_step_end(const auto& event) { all->push_back(event.output.loss.template item<double>()); }
};

struct TooEarly {
  void on_train_step_end(const auto& event) { hone::trial_run(event.trainer, tiny::dataset(), {}, nothing, go_on); }
};

/// Calls `rehearsal` within an accumulation window, and compares with a trainer without it.
template <class Rehearsal>
void require_no_trace(const Rehearsal& rehearsal) {
  int heard = 0, heard_by_other = 0;
  auto batches = tiny::batches(8);
  const auto finish = [&](auto& trainer) {
    for (std::size_t i = 4; i < batches.size(); ++i) trainer.step(batches[i]);
    const auto after_steps = file_of(trainer);
    trainer.train(tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 4});
    return after_steps + file_of(trainer);
  };
  const auto begin = [&](auto& trainer) {
    trainer.train(tiny::dataset(), {.num_epochs = 1, .per_device_batch_size = 4});
    for (std::size_t i = 0; i < 4; ++i) trainer.step(batches[i]);  // an update, and one of three batches of the next
    trainer.model()->norm->eval();
    trainer.run_history().record("mine", 1.0, hone::Phase::train);
  };
  auto other = make(heard_by_other);
  begin(other);
  const auto expected = finish(other);

  auto trainer = make(heard);
  begin(trainer);
  const auto before = file_of(trainer);
  const auto gradient = trainer.model()->first->weight.grad();
  const auto gradient_before = gradient.clone();
  const auto step = trainer.run().batch();
  const int heard_before = heard;
  rehearsal(trainer);
  CHECK(heard == heard_before);
  CHECK(file_of(trainer) == before);
  CHECK(trainer.model()->first->weight.grad().is_same(gradient));
  CHECK(torch::equal(gradient, gradient_before));
  CHECK_FALSE(trainer.model()->norm->is_training());
  CHECK(trainer.model()->dropout->is_training());
  CHECK(trainer.run().batch() == step);
  CHECK(trainer.run().config().num_epochs == 1);
  CHECK(trainer.run_history().at("mine") == 1.0);
  CHECK(finish(trainer) == expected);
}

}  // namespace

TEST_CASE("a trial run restores the trainer exactly") {
  require_no_trace([](auto& trainer) {
    int updates = 0;
    hone::trial_run(
        trainer, tiny::dataset(), {.num_updates = 5, .per_device_batch_size = 4},
        [&](std::int64_t update) {
          CHECK(update == updates);
          trainer.optimizer().set_lr(0.5);
        },
        [&](std::int64_t update, double loss) {
          CHECK(update == updates++);
          CHECK(loss > 0.0);
          return true;
        });
    CHECK(updates == 5);
  });
}

TEST_CASE("a trial run that an exception ends restores the trainer exactly") {
  require_no_trace([](auto& trainer) {
    CHECK_THROWS_AS(hone::trial_run(trainer, tiny::dataset(), {.num_updates = 5, .per_device_batch_size = 4}, nothing,
                                    [](std::int64_t update, double) {
                                      if (update == 2) throw std::runtime_error("enough");
                                      return true;
                                    }),
                    std::runtime_error);
  });
}

TEST_CASE("a trial run of a new trainer restores its initial state") {
  int heard = 0;
  auto trainer = make(heard), other = make(heard);
  torch::manual_seed(5);
  hone::trial_run(trainer, tiny::dataset(), {.num_updates = 3, .per_device_batch_size = 4}, nothing, go_on);
  CHECK(trainer.optimizer().state()[0].fields.empty());
  CHECK_FALSE(tiny::has_gradients(trainer.model()));
  trainer.train(tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 4});
  torch::manual_seed(5);
  other.train(tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 4});
  CHECK(file_of(trainer) == file_of(other));
}

TEST_CASE("a trial run makes the same updates as training, and passes their losses") {
  std::vector<double> all;
  hone::Trainer trainer{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.5}, hone::GradAccum<2>{},
                        Losses{&all}};
  auto batches = tiny::batches(3);  // restarts within an accumulation window
  std::vector<double> losses;
  hone::trial_run(trainer, batches, {.num_updates = 3}, nothing, [&](std::int64_t, double loss) {
    losses.push_back(loss);
    return true;
  });
  CHECK(all.empty());
  for (std::size_t i = 0; i < 6; ++i) trainer.step(batches[i % 3]);
  REQUIRE(losses.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(losses[i] == Approx((all[2 * i] + all[2 * i + 1]) / 2));
}

TEST_CASE("a trial run restores a loss with parameters, and the stop reason of the last run") {
  struct Stops {
    void on_train_loss(const hone::TrainLoss& event) { event.run.request_stop_before_update("here"); }
  };
  Scaled loss;
  tiny::Net model;
  auto parameters = hone::named_parameters(*model);
  parameters.push_back({"scale", loss->scale});
  hone::Trainer trainer{model, loss, hone::FusedOptimizer<hone::Sgd>(parameters, {.lr = 0.5}), Stops{}};
  trainer.train(tiny::dataset());
  const auto before = tiny::weights(loss), seen = std::vector{loss->seen.clone()};
  bool moved = false;
  hone::trial_run(trainer, tiny::dataset(), {.num_updates = 3}, nothing, [&](std::int64_t, double) {
    moved = !tiny::equal(tiny::weights(loss), before);
    return true;
  });
  CHECK(moved);
  CHECK(tiny::equal(tiny::weights(loss), before));
  CHECK(torch::equal(loss->seen, seen[0]));
  CHECK_FALSE(loss->scale.grad().defined());
  CHECK(trainer.run().stop_reason() == "here");
}

TEST_CASE("trial_run throws without batches, for invalid options, and within a run") {
  int heard = 0;
  auto trainer = make(heard);
  std::vector<Batch> none;
  CHECK(tiny::message_of<hone::DataError>([&] { hone::trial_run(trainer, none, {}, nothing, go_on); }) ==
        "The data loader returned no batch in pass 1, after 0 of 1 updates. Pass data; a single-pass range must "
        "contain enough batches for all updates.");
  CHECK(tiny::message_of<std::invalid_argument>([&] {
          hone::trial_run(trainer, none, {.num_updates = 0}, nothing, go_on);
        }) == "num_updates is 0. Set it to 1 or greater.");

  hone::Trainer eager{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}, TooEarly{}};
  CHECK_THROWS_AS(eager.train(tiny::dataset()), std::logic_error);
}
