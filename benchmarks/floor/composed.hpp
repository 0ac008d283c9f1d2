// SPDX-License-Identifier: Apache-2.0
/// A trainer in the ring: `train` is a call of `Trainer::train`, as a user writes it.
#pragma once

#include <utility>

#include "contender.hpp"
#include "hone/hone.hpp"
#include "workloads.hpp"

template <class Trainer>
class Composed : public Contender {
 public:
  Composed(const Data& data, Trainer trainer)
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

/// A trainer of the workload with these parts.
template <class Workload, class... Parts>
std::unique_ptr<Contender> compose(const Data& data, Parts... parts) {
  auto trainer = hone::Trainer{make_model<Workload>(), typename Workload::Loss{}, std::move(parts)...};
  return std::make_unique<Composed<decltype(trainer)>>(data, std::move(trainer));
}
