// SPDX-License-Identifier: Apache-2.0
/// A variant that calls `Trainer::train`, as a user writes it.
#pragma once

#include <memory>
#include <utility>

#include "hone/hone.hpp"
#include "variant.hpp"
#include "workload.hpp"

template <class Trainer>
class TrainerVariant : public Variant {
 public:
  TrainerVariant(const Data& data, Trainer trainer) : set_(data.images, data.labels), trainer_(std::move(trainer)) {}

  double train(std::int64_t steps) override {
    const auto history =
        trainer_.train(set_, {.per_device_batch_size = batch_size, .max_updates = steps, .seed = seed});
    return history.at("train_loss_epoch");
  }

 private:
  hone::TensorDataset<std::pair<torch::Tensor, torch::Tensor>> set_;
  Trainer trainer_;
};
