// SPDX-License-Identifier: Apache-2.0
/// The training loop of the LibTorch tutorials: a `DataLoader` that stacks single samples, and `torch::optim`.
#include <torch/data/dataloader.h>
#include <torch/data/datasets/base.h>
#include <torch/data/datasets/map.h>
#include <torch/data/samplers/base.h>
#include <torch/data/transforms/stack.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <vector>

#include "hone/data/sampler.hpp"
#include "variant.hpp"
#include "workloads.hpp"

namespace {

class Samples : public torch::data::datasets::Dataset<Samples> {
 public:
  explicit Samples(Data data) : data_(std::move(data)) {}
  torch::data::Example<> get(std::size_t i) override {
    const auto index = static_cast<std::int64_t>(i);
    return {data_.inputs[index], data_.targets[index]};
  }
  std::optional<std::size_t> size() const override { return static_cast<std::size_t>(data_.inputs.size(0)); }

 private:
  Data data_;
};

/// Visits the samples in the order of the other variants.
class FixedOrder : public torch::data::samplers::Sampler<> {
 public:
  explicit FixedOrder(std::int64_t samples) : samples_(samples) { FixedOrder::reset(); }
  void reset(std::optional<std::size_t> /*size*/ = std::nullopt) override {
    const auto order = hone::RandomSampler{settings::seed}.order(samples_, 0);
    const auto* indices = static_cast<const std::int64_t*>(order.const_data_ptr());
    order_.assign(indices, indices + samples_);
    next_ = 0;
  }
  std::optional<std::vector<std::size_t>> next(std::size_t batch_size) override {
    const auto width = std::min(batch_size, order_.size() - next_);
    if (width == 0) return std::nullopt;
    const auto begin = order_.begin() + static_cast<std::ptrdiff_t>(next_);
    next_ += width;
    return std::vector<std::size_t>(begin, begin + static_cast<std::ptrdiff_t>(width));
  }
  void save(torch::serialize::OutputArchive& /*archive*/) const override {}
  void load(torch::serialize::InputArchive& /*archive*/) override {}

 private:
  std::int64_t samples_;
  std::vector<std::size_t> order_;
  std::size_t next_ = 0;
};

template <class Workload>
auto make_optimizer(const std::vector<torch::Tensor>& parameters) {
  if constexpr (Workload::rule == Rule::sgd) {
    return torch::optim::SGD(parameters, torch::optim::SGDOptions(settings::lr).momentum(settings::momentum));
  } else if constexpr (Workload::rule == Rule::adam) {
    return torch::optim::Adam(parameters, torch::optim::AdamOptions(settings::lr));
  } else {
    return torch::optim::AdamW(parameters,
                               torch::optim::AdamWOptions(settings::lr).weight_decay(Workload::weight_decay));
  }
}

template <class Workload>
class LibtorchTutorial : public Variant {
 public:
  explicit LibtorchTutorial(const Data& data)
      : loader_(torch::data::make_data_loader(
            Samples(data).map(torch::data::transforms::Stack<>()), FixedOrder(data.inputs.size(0)),
            torch::data::DataLoaderOptions().batch_size(static_cast<std::size_t>(data.batch_size)).workers(0))) {}

  double train(std::int64_t steps) override {
    model_->train();
    double total = 0.0;
    std::int64_t samples = 0, step = 0;
    for (auto& batch : *loader_) {
      set_learning_rate(step, steps);
      optimizer_.zero_grad();
      auto loss = typename Workload::Loss{}(model_->forward(batch.data), batch.target);
      loss.backward();
      if constexpr (Workload::max_norm > 0.0) {
        torch::nn::utils::clip_grad_norm_(model_->parameters(), Workload::max_norm);
      }
      optimizer_.step();
      total += loss.template item<double>() * static_cast<double>(batch.data.size(0));
      samples += batch.data.size(0);
      if (++step == steps) break;
    }
    return total / static_cast<double>(samples);
  }

 private:
  void set_learning_rate(std::int64_t step, std::int64_t steps) {
    if constexpr (Workload::cosine) {
      const double progress = static_cast<double>(step) / static_cast<double>(steps);
      for (auto& group : optimizer_.param_groups()) {
        group.options().set_lr(0.5 * settings::lr * (1.0 + std::cos(std::numbers::pi * progress)));
      }
    }
  }

  typename Workload::Model model_ = make_model<Workload>();
  decltype(make_optimizer<Workload>({})) optimizer_ = make_optimizer<Workload>(model_->parameters());
  decltype(torch::data::make_data_loader(std::declval<Samples>().map(torch::data::transforms::Stack<>()),
                                         std::declval<FixedOrder>(), torch::data::DataLoaderOptions())) loader_;
};

}  // namespace

std::unique_ptr<Variant> make_libtorch_tutorial(std::string_view workload, const Data& data) {
  return with_workload(workload, [&]<class Workload>() -> std::unique_ptr<Variant> {
    return std::make_unique<LibtorchTutorial<Workload>>(data);
  });
}
