// SPDX-License-Identifier: Apache-2.0
/// Tests of LibTorch's DataLoader in epochs that end early.
#include <torch/torch.h>

#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/limit_batches.hpp"
#include "hone/data/prefetch.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

struct Stock : torch::data::datasets::Dataset<Stock> {
  torch::data::Example<> get(std::size_t i) override {
    const auto index = static_cast<std::int64_t>(i);
    return {tiny::inputs(16)[index], tiny::labels(16)[index]};
  }
  [[nodiscard]] std::optional<std::size_t> size() const override { return 16; }
};
auto workers_loader() {
  return torch::data::make_data_loader<torch::data::samplers::SequentialSampler>(
      Stock{}.map(torch::data::transforms::Stack<>()), torch::data::DataLoaderOptions(2).workers(2));
}

template <class... Settings>
auto trainer_with(Settings... settings) {
  return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, std::move(settings)...};
}

TEST_CASE("LibTorch's DataLoader with workers is usable after an epoch ends early") {
  const auto loader = workers_loader();
  SECTION("by a callback's limit") {
    CHECK(trainer_with(hone::LimitBatches{.num_batches = 3}).train(loader, {.num_epochs = 3}).num_updates() == 9);
  }
  SECTION("by the environment's limit") {
    const hone::LimitBatchesInScope limit(3);
    CHECK(trainer_with().train(loader, {.num_epochs = 3}).num_updates() == 9);
  }
  SECTION("by options") {
    auto trainer = trainer_with();
    CHECK(trainer.train(loader, {.num_epochs = 3, .overfit_batches = 3}).num_updates() == 9);
    CHECK(trainer.train(loader, {.num_epochs = 3, .max_updates = 11}).num_updates() == 11);
    CHECK(trainer.train(loader, {.fast_dev_run = 1}).num_updates() == 1);
    CHECK(trainer.train(loader, {.num_epochs = 2}).num_updates() == 16);
  }
  SECTION("by a sanity evaluation and limited evaluations of the loader") {
    const auto eval = workers_loader();
    auto trainer = trainer_with(hone::LimitBatches{.num_eval_batches = 2});
    const auto history = trainer.train(*loader, *eval, {.num_epochs = 3, .num_sanity_eval_batches = 1});
    CHECK(history.num_updates() == 24);
    CHECK(history.values("eval_loss_epoch").size() == 3);
    CHECK(trainer.evaluate(eval).at("evaluation_loss") > 0.0);
  }
  SECTION("by an exception of a callback") {
    auto trainer = trainer_with(hone::on<hone::TrainStepEnd>([](const auto& event) {
      if (event.run.batch() == 2 && event.run.history().current_epoch() == 1) throw std::runtime_error("enough");
    }));
    CHECK_THROWS_AS(trainer.train(loader, {.num_epochs = 3}), std::runtime_error);
    CHECK(trainer_with().train(loader).num_updates() == 8);
  }
  SECTION("by a stop request") {
    auto trainer = trainer_with(hone::on<hone::TrainStepEnd>([](const auto& event) {
      if (event.run.batch() == 2) event.run.request_stop("enough");
    }));
    CHECK(trainer.train(loader, {.num_epochs = 3}).num_updates() == 3);
    CHECK(trainer.train(loader, {.num_epochs = 3}).num_updates() == 3);
  }
  SECTION("by a limit, with Prefetch") {
    auto trainer = trainer_with(hone::LimitBatches{.num_batches = 3}, hone::Prefetch{.depth = 2});
    CHECK(trainer.train(loader, {.num_epochs = 3}).num_updates() == 9);
  }
}

struct MakesLoader {
  auto create_train_dataloader(auto&, auto&, const hone::LoaderOptions&) { return workers_loader(); }
};

TEST_CASE("an override can return the result of make_data_loader") {
  auto trainer = trainer_with(MakesLoader{}, hone::LimitBatches{.num_batches = 3});
  CHECK(trainer.train(tiny::dataset(), {.num_epochs = 2}).num_updates() == 6);
}

}  // namespace
