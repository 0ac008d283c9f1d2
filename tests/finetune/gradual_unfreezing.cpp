// SPDX-License-Identifier: Apache-2.0
#include "hone/finetune/gradual_unfreezing.hpp"

#include <torch/torch.h>

#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

#include "hone/callbacks/filters.hpp"
#include "hone/data/tensor_dataset.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/trainer/trainer.hpp"
#include "nets.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

namespace {

hone::TensorDataset<std::pair<torch::Tensor, torch::Tensor>> dataset() {
  torch::manual_seed(3);
  return {torch::randn({12, 4}), torch::arange(12).remainder(2)};
}

}  // namespace

TEST_CASE("groups are unfrozen in order from the head, and join the optimizer with their learning rates") {
  auto model = nets::blocks();
  hone::ModelFreezer freezer(model, {.freeze_batch_norms = true});
  freezer.freeze(0, -2, /*set_modules_as_eval=*/true);
  std::vector<std::size_t> groups;
  std::vector<bool> modes;
  auto trainer =
      hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.8, .momentum = 0.5},
                    hone::GradualUnfreezing{freezer, 2, 0.5}, hone::on<hone::TrainEpochEnd>([&](const auto& event) {
                      groups.push_back(event.trainer.optimizer().num_groups());
                      modes.push_back(model[2]->is_training());
                    })};
  const auto first = model->parameters()[0].detach().clone();
  trainer.train(dataset(), {.num_epochs = 7, .per_device_batch_size = 4, .seed = 1});
  CHECK(groups == std::vector<std::size_t>{1, 1, 2, 2, 3, 3, 4});
  // The dropout is group 2. It is unfrozen with group 1, the next group with parameters.
  CHECK(modes == std::vector<bool>{false, false, false, false, false, false, true});
  const auto& optimizer = trainer.optimizer();
  CHECK((optimizer.base_lr(0) == 0.8 && optimizer.base_lr(1) == 0.4 && optimizer.base_lr(3) == 0.1));
  CHECK(optimizer.groups()[3].settings.momentum == 0.5);
  CHECK(optimizer.names()[2] == "4.0.weight");
  CHECK(torch::equal(model->parameters()[0], first));
  CHECK_FALSE(model->parameters()[0].requires_grad());
}

TEST_CASE("a schedule continues at its position with the new groups") {
  auto model = nets::blocks();
  hone::ModelFreezer freezer(model);
  freezer.freeze();
  std::vector<double> rates;
  auto trainer = hone::Trainer{model,
                               torch::nn::CrossEntropyLoss{},
                               hone::Sgd{.lr = 0.8},
                               hone::CosineLr{.min_lr = 0.0},
                               hone::GradualUnfreezing{freezer, 1, 0.5},
                               hone::on<hone::TrainStepStart>([&](const auto& event) {
                                 const auto& optimizer = event.trainer.optimizer();
                                 if (optimizer.num_groups() > 1) rates.push_back(optimizer.lr(1) / optimizer.lr(0));
                               })};
  trainer.train(dataset(), {.num_epochs = 2, .per_device_batch_size = 4, .seed = 1});
  REQUIRE(rates.size() == 3);
  for (const double rate : rates) CHECK(rate == Approx(0.5));
}

TEST_CASE("catch_up unfreezes the groups of all earlier epochs, and is a no-op if everything is unfrozen") {
  auto model = nets::blocks();
  hone::ModelFreezer freezer(model);
  freezer.freeze();
  hone::FusedOptimizer<hone::Sgd> optimizer(freezer.trainable_parameters(), {.lr = 1.0});
  hone::GradualUnfreezing unfreezing{freezer, 2};
  unfreezing.catch_up(5, optimizer);
  CHECK((optimizer.num_groups() == 3 && unfreezing.state.num_unfrozen == 2));
  unfreezing.catch_up(5, optimizer);
  unfreezing.catch_up(1, optimizer);
  CHECK(optimizer.num_groups() == 3);
  unfreezing.catch_up(100, optimizer);
  CHECK(optimizer.num_groups() == 5);
  unfreezing.catch_up(200, optimizer);
  CHECK(optimizer.num_groups() == 5);
}

TEST_CASE("parameters that the optimizer already has keep their group") {
  auto model = nets::blocks();
  hone::ModelFreezer freezer(model, {.freeze_batch_norms = true});
  hone::FusedOptimizer<hone::Sgd> optimizer(freezer.trainable_parameters(), {.lr = 1.0});
  freezer.freeze();
  hone::GradualUnfreezing unfreezing{freezer};
  unfreezing.catch_up(10, optimizer);
  CHECK(optimizer.num_groups() == 1);
  CHECK(freezer.trainable_parameters().size() == model->parameters().size());
}

/// The member of a trainer that GradualUnfreezing requires.
struct WithOptimizer {
  hone::FusedOptimizer<hone::Sgd> held;
  hone::FusedOptimizer<hone::Sgd>& optimizer() { return held; }
};

TEST_CASE("invalid settings of GradualUnfreezing throw std::invalid_argument when a run starts") {
  auto model = nets::blocks();
  WithOptimizer trainer{hone::FusedOptimizer<hone::Sgd>{hone::named_parameters(model), {.lr = 1.0}}};
  hone::Run run;
  const hone::EventContext<hone::TrainingRunStart, hone::WithTrainer<WithOptimizer>> start{{run}, {trainer}};
  hone::GradualUnfreezing epochs{hone::ModelFreezer(model), 0}, factor{hone::ModelFreezer(model), 1, 0.0};
  CHECK_THROWS_AS(epochs.on_training_run_start(start), std::invalid_argument);
  CHECK_THROWS_AS(factor.on_training_run_start(start), std::invalid_argument);
}

TEST_CASE("a resumed run starts with the groups of the completed epochs") {
  auto model = nets::blocks();
  hone::ModelFreezer freezer(model);
  freezer.freeze();
  WithOptimizer trainer{hone::FusedOptimizer<hone::Sgd>{freezer.trainable_parameters(), {.lr = 1.0}}};
  hone::RunDriver driver;
  driver.run.history().set_epoch(3);  // two epochs are complete; the group of the third is added when it begins
  hone::GradualUnfreezing unfreezing{freezer};
  unfreezing.on_training_run_start(
      hone::EventContext<hone::TrainingRunStart, hone::WithTrainer<WithOptimizer>>{{driver.run}, {trainer}});
  CHECK(trainer.optimizer().num_groups() == 2);
}

TEST_CASE("a second run freezes again what the first run unfroze, unless it continues the first run") {
  const bool reset = GENERATE(true, false);
  auto model = nets::blocks();
  hone::ModelFreezer freezer(model, {.freeze_batch_norms = true});
  freezer.freeze(0, -2, /*set_modules_as_eval=*/true);
  using Counts = std::vector<std::pair<std::size_t, bool>>;
  Counts counts;
  auto trainer = hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1},
                               hone::GradualUnfreezing{.freezer = freezer, .reset_on_train = reset},
                               hone::on<hone::TrainEpochEnd>([&](const auto&) {
                                 counts.emplace_back(freezer.trainable_parameters().size(), model[2]->is_training());
                               })};
  const auto run = [&](bool reset_history = true) {
    counts.clear();
    trainer.train(dataset(), {.num_epochs = 3, .per_device_batch_size = 4, .reset_run_history = reset_history});
    return counts;
  };
  const Counts gradually{{2, false}, {6, false}, {8, false}}, at_once{{8, false}, {8, false}, {8, false}};
  CHECK(run() == gradually);
  CHECK(run() == (reset ? gradually : at_once));
  CHECK(trainer.optimizer().num_groups() == 3);
  const auto continued = run(/*reset_history=*/false);  // epochs 4 to 6
  CHECK(continued == Counts{{12, true}, {16, true}, {16, true}});
}

TEST_CASE("parameters that were frozen by other means stay frozen during gradual unfreezing") {
  auto model = nets::blocks();
  auto& bias = model[3]->as<torch::nn::Linear>()->bias;
  bias.set_requires_grad(false);
  hone::ModelFreezer freezer(model);
  freezer.freeze();
  hone::FusedOptimizer<hone::Sgd> optimizer(freezer.trainable_parameters(), {.lr = 1.0});
  hone::GradualUnfreezing unfreezing{freezer};
  unfreezing.catch_up(10, optimizer);
  CHECK_FALSE(bias.requires_grad());
  CHECK(freezer.trainable_parameters().size() == model->parameters().size() - 1);
}
