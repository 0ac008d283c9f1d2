// SPDX-License-Identifier: Apache-2.0
/// The variant `hone`: a call of `Trainer::train`, as a user writes it.
#pragma once

#include <utility>

#include "hone/hone.hpp"
#include "variant.hpp"
#include "workloads.hpp"

template <class Trainer>
class TrainerVariant : public Variant {
 public:
  TrainerVariant(const Data& data, Trainer trainer)
      : set_(data.inputs, data.targets), batch_size_(data.batch_size), trainer_(std::move(trainer)) {}

  double train(std::int64_t steps) override {
    const auto history =
        trainer_.train(set_, {.per_device_batch_size = batch_size_, .max_updates = steps, .seed = settings::seed});
    return history.at("train_loss_epoch");
  }

 private:
  hone::TensorDataset<std::pair<torch::Tensor, torch::Tensor>> set_;
  std::int64_t batch_size_;
  Trainer trainer_;
};

/// Returns a trainer of the workload with an optimizer and policies.
template <class Workload, class... Components>
std::unique_ptr<Variant> make_trainer(const Data& data, Components... components) {
  auto trainer = hone::Trainer{make_model<Workload>(), typename Workload::Loss{}, std::move(components)...};
  return std::make_unique<TrainerVariant<decltype(trainer)>>(data, std::move(trainer));
}
