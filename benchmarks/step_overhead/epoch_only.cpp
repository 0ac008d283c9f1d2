// SPDX-License-Identifier: Apache-2.0
/// The variant `epoch_only`: a trainer whose callbacks handle only the events at the start and the end of an epoch.
#include <algorithm>

#include "trainer_variant.hpp"

namespace {

struct CountsEpochs {
  int begun = 0;
  void on_train_epoch_start(const hone::TrainEpochStart&) { ++begun; }
};

struct KeepsBest {
  double best = 1e9;
  void on_train_epoch_end(const hone::TrainEpochEnd& event) { best = std::min(best, event.loss); }
  void on_training_run_epoch_end(const hone::TrainingRunEpochEnd& event) {
    event.run.history().record("best_train_loss", best, event.run.phase());
  }
};

using EpochOnly = hone::Trainer<Mlp, torch::nn::CrossEntropyLoss, hone::Sgd, hone::Callbacks<CountsEpochs, KeepsBest>>;

}  // namespace

std::unique_ptr<Variant> make_epoch_only(std::int64_t steps) {
  return std::make_unique<TrainerVariant<EpochOnly>>(
      data(steps), EpochOnly{make_model(), torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = lr, .momentum = momentum}});
}
