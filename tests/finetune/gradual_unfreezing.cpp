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

TEST_CASE("Groups thaw one after the other from the head on, and join the optimizer with their learning rates") {
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
  // The dropout between groups 1 and 3 thaws on the way to 1, the next with parameters.
  CHECK(modes == std::vector<bool>{false, false, false, false, false, false, true});
  const auto& optimizer = trainer.optimizer();
  CHECK((optimizer.base_lr(0) == 0.8 && optimizer.base_lr(1) == 0.4 && optimizer.base_lr(3) == 0.1));
  CHECK(optimizer.groups()[3].settings.momentum == 0.5);
  CHECK(optimizer.names()[2] == "4.0.weight");
  CHECK(torch::equal(model->parameters()[0], first));
  CHECK_FALSE(model->parameters()[0].requires_grad());
}

TEST_CASE("A schedule carries on with the new groups where it stands") {
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

TEST_CASE("A run that begins at a later epoch catches up at once, and one with everything thawed has nothing to do") {
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

TEST_CASE("Parameters that the optimizer has already keep their group") {
  auto model = nets::blocks();
  hone::ModelFreezer freezer(model, {.freeze_batch_norms = true});
  hone::FusedOptimizer<hone::Sgd> optimizer(freezer.trainable_parameters(), {.lr = 1.0});
  freezer.freeze();
  hone::GradualUnfreezing unfreezing{freezer};
  unfreezing.catch_up(10, optimizer);
  CHECK(optimizer.num_groups() == 1);
  CHECK(freezer.trainable_parameters().size() == model->parameters().size());
}

/// All of a trainer that gradual unfreezing asks for.
struct WithOptimizer {
  hone::FusedOptimizer<hone::Sgd> held;
  hone::FusedOptimizer<hone::Sgd>& optimizer() { return held; }
};

TEST_CASE("The settings of gradual unfreezing are checked when a run starts") {
  auto model = nets::blocks();
  WithOptimizer trainer{hone::FusedOptimizer<hone::Sgd>{hone::named_parameters(model), {.lr = 1.0}}};
  hone::Run run;
  const hone::Told<hone::TrainingRunStart, hone::WithTrainer<WithOptimizer>> start{{run}, {trainer}};
  hone::GradualUnfreezing epochs{hone::ModelFreezer(model), 0}, factor{hone::ModelFreezer(model), 1, 0.0};
  CHECK_THROWS_AS(epochs.on_training_run_start(start), std::invalid_argument);
  CHECK_THROWS_AS(factor.on_training_run_start(start), std::invalid_argument);
}

TEST_CASE("A run that goes on begins with the groups of the epochs before it") {
  auto model = nets::blocks();
  hone::ModelFreezer freezer(model);
  freezer.freeze();
  WithOptimizer trainer{hone::FusedOptimizer<hone::Sgd>{freezer.trainable_parameters(), {.lr = 1.0}}};
  hone::RunDriver driver;
  driver.run.history().set_epoch(3);  // two are over; the third one's group comes when it begins
  hone::GradualUnfreezing unfreezing{freezer};
  unfreezing.on_training_run_start(
      hone::Told<hone::TrainingRunStart, hone::WithTrainer<WithOptimizer>>{{driver.run}, {trainer}});
  CHECK(trainer.optimizer().num_groups() == 2);
}
