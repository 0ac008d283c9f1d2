// SPDX-License-Identifier: Apache-2.0
#include "hone/tune/learning_rate_finder.hpp"

#include <torch/torch.h>

#include <cmath>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

auto make() { return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 1.0, .momentum = 0.9}}; }

std::string refusal(const hone::LearningRateFinderOptions& options) {
  auto trainer = make();
  return tiny::message_of<std::invalid_argument>(
      [&] { static_cast<void>(hone::find_learning_rate(trainer, tiny::dataset(), options)); });
}

/// Records the learning rates of each update.
struct Watch {
  std::vector<std::pair<double, double>>* lrs;
  void optimizer_step(auto& trainer) {
    lrs->emplace_back(trainer.optimizer().lr(0), trainer.optimizer().lr(1));
    trainer.optimizer_step();
  }
};

hone::LearningRateSweep curve() {
  hone::LearningRateSweep sweep;
  for (int i = 0; i < 100; ++i) {
    sweep.lrs.push_back(i);
    sweep.losses.push_back(0);
    sweep.smoothed_losses.push_back(2 / (1 + std::exp((i - 55) / 6.0)) + 0.05 * std::sin(1.3 * i) +
                                    std::exp((i - 95) / 3.0));
  }
  return sweep;
}

}  // namespace

// Reference values from Python: torch.optim.SGD on the same network and data, fastai's smoothing, numpy.gradient
// and argmin as in Lightning, and fastai's valley.
TEST_CASE("a sweep and its suggestions equal the reference in Python") {
  auto trainer = make();
  auto set = tiny::dataset();
  const auto sweep = hone::find_learning_rate(trainer, set,
                                              {.start_lr = 1e-4,
                                               .end_lr = 100,
                                               .num_updates = 60,
                                               .smoothing = 0.9,
                                               .divergence_factor = 1.5,
                                               .per_device_batch_size = 12});
  CHECK(sweep.diverged);
  REQUIRE(sweep.lrs.size() == 48);
  REQUIRE(sweep.losses.size() == 48);
  REQUIRE(sweep.smoothed_losses.size() == 48);
  CHECK(sweep.lrs.front() == Approx(1e-4));
  const std::vector<std::pair<std::size_t, double>> smoothed{{0, 0.7265933156013489},  {10, 0.7262278467656444},
                                                             {20, 0.7211650825614585}, {30, 0.7094528468099023},
                                                             {40, 0.6677470888405265}, {47, 0.9078933039064301}};
  for (const auto& [i, value] : smoothed) CHECK(sweep.smoothed_losses[i] == Approx(value).epsilon(1e-4));
  CHECK(sweep.losses[20] == Approx(0.7124114632606506).epsilon(1e-4));
  CHECK(sweep.suggestion() == Approx(2.359833466782194));
  CHECK(sweep.valley() == Approx(0.055688139909452726));
}

TEST_CASE("a sweep that does not diverge reaches end_lr") {
  auto trainer = make();
  const auto sweep = hone::find_learning_rate(
      trainer, tiny::dataset(),
      {.start_lr = 1e-3, .end_lr = 50, .num_updates = 80, .divergence_factor = 1000, .per_device_batch_size = 12});
  CHECK_FALSE(sweep.diverged);
  REQUIRE(sweep.lrs.size() == 80);
  CHECK(sweep.lrs.back() == Approx(50));
  CHECK(sweep.smoothed_losses[40] == Approx(0.6978516741968429).epsilon(1e-4));
  CHECK(sweep.suggestion() == Approx(1.629124144398941));
  CHECK(sweep.valley() == Approx(0.06980710409747606));
}

TEST_CASE("a loss that is not finite ends the sweep") {
  hone::Trainer trainer{torch::nn::Linear(3, 3), torch::nn::MSELoss{}, hone::Sgd{}};
  const hone::TensorDataset<tiny::Batch> set{tiny::inputs(), tiny::inputs()};
  const auto sweep = hone::find_learning_rate(trainer, set, {.end_lr = 1e20, .divergence_factor = 1e300});
  CHECK(sweep.diverged);
  CHECK(sweep.losses.size() < 100);
  for (const double loss : sweep.smoothed_losses) CHECK(std::isfinite(loss));
}

TEST_CASE("suggestions for a given curve equal numpy's and fastai's") {
  const auto sweep = curve();
  CHECK(sweep.suggestion() == 56);
  CHECK(sweep.steepest(20, 5) == 56);
  CHECK(sweep.valley() == 62);
  auto rising = curve();
  for (std::size_t i = 0; i < 100; ++i) rising.smoothed_losses[i] = static_cast<double>(i * i);
  CHECK(rising.suggestion() == 10);
  CHECK(rising.valley() == 10);
}

TEST_CASE("the learning rates of groups keep their ratios") {
  tiny::Net model;
  hone::FusedOptimizer<hone::Sgd> optimizer{hone::named_parameters(*model->first, "first."), {.lr = 1e-3}};
  optimizer.add_group(hone::named_parameters(*model->second, "second."), {.lr = 1e-2});
  std::vector<std::pair<double, double>> lrs;
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{}, std::move(optimizer), hone::GradAccum<2>{}, Watch{&lrs}};
  const auto sweep = hone::find_learning_rate(trainer, tiny::dataset(), {.start_lr = 1e-5, .num_updates = 20});
  REQUIRE(lrs.size() == sweep.lrs.size());
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    CHECK(lrs[i].second == Approx(sweep.lrs[i]));
    CHECK(lrs[i].first == Approx(sweep.lrs[i] / 10));
  }
  CHECK(trainer.optimizer().lr(0) == 1e-3);
  CHECK(trainer.optimizer().lr(1) == 1e-2);
}

TEST_CASE("find_learning_rate supports an optimizer of torch::optim") {
  tiny::Net model;
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{},
                        torch::optim::SGD(model->parameters(), torch::optim::SGDOptions(1.0).momentum(0.9))};
  const auto before = tiny::weights(model);
  const auto sweep = hone::find_learning_rate(
      trainer, tiny::dataset(), {.start_lr = 1e-3, .end_lr = 50, .num_updates = 80, .per_device_batch_size = 12});
  CHECK(sweep.suggestion() == Approx(1.629124144398941));
  CHECK(tiny::equal(tiny::weights(model), before));
  CHECK(trainer.optimizer().lr() == 1.0);
  CHECK(trainer.optimizer().torch_optimizer().state().empty());
}

TEST_CASE("find_learning_rate throws for invalid options, and suggestion() throws for too few points") {
  CHECK(refusal({.start_lr = 1.0, .end_lr = 1.0}) ==
        "start_lr is 1 and end_lr is 1. Set both to finite numbers greater than 0, with start_lr less than end_lr.");
  CHECK(tiny::contains(refusal({.start_lr = 0.0}), "start_lr is 0"));
  CHECK(tiny::contains(refusal({.start_lr = std::nan("")}), "start_lr is nan"));
  CHECK(tiny::contains(refusal({.end_lr = INFINITY}), "end_lr is inf"));
  CHECK(refusal({.num_updates = 1}) == "num_updates is 1. Set it to 2 or greater.");
  CHECK(tiny::contains(refusal({.smoothing = 1.0}), "smoothing is 1"));
  CHECK(tiny::contains(refusal({.divergence_factor = 1.0}), "divergence_factor is 1"));
  CHECK(refusal({.per_device_batch_size = 0}) == "per_device_batch_size is 0. Set it to 1 or greater.");

  auto trainer = make();
  const auto sweep = hone::find_learning_rate(trainer, tiny::dataset(), {.end_lr = 1e-6, .num_updates = 12});
  CHECK(tiny::message_of<hone::DataError>([&] { static_cast<void>(sweep.suggestion()); }) ==
        "The sweep has 12 points. Without 10 at its beginning and 1 at its end, fewer than 2 remain. Increase "
        "num_updates, or lower start_lr.");
  CHECK(sweep.steepest(0, 0) > 0);
}
