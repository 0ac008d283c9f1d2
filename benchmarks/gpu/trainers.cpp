// SPDX-License-Identifier: Apache-2.0
/// The variants of `hone::Trainer`. Workloads with the same optimizer and policies share a trainer type.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>
#include <utility>

#include "hone/hone.hpp"
#include "variants.hpp"

namespace {

#ifdef HONE_WITH_CUDA
using DevicePolicy = hone::Cuda<>;
#else
using DevicePolicy = hone::Cpu;
#endif

struct AnyLoss {
  LossFunction function;
  torch::Tensor operator()(const torch::Tensor& output, const torch::Tensor& target) const {
    return function(output, target);
  }
};

/// A variant that calls `Trainer::train`, as a user writes it.
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
  StepCounts step_counts() const override {
    if constexpr (requires { trainer_.execution().counts().replayed; }) {
      const auto& counts = trainer_.execution().counts();
      return {.eager = counts.eager, .replayed = counts.replayed, .reason = counts.reason};
    } else {
      return {};
    }
  }

 private:
  hone::TensorDataset<std::pair<torch::Tensor, torch::Tensor>> set_;
  std::int64_t batch_size_;
  Trainer trainer_;
};

template <class... Components>
std::unique_ptr<Variant> trainer_of(const Task& task, const Data& data, std::shared_ptr<Network> network,
                                    Components... components) {
  auto trainer = hone::Trainer{std::move(network), AnyLoss{task.loss}, std::move(components)..., DevicePolicy{}};
  return std::make_unique<TrainerVariant<decltype(trainer)>>(data, std::move(trainer));
}

/// Returns a trainer with the optimizer, precision, clipping and schedule of the task, and with further `policies`.
template <class... Policies>
std::unique_ptr<Variant> trainer_for(const Task& task, const Data& data, std::shared_ptr<Network> network,
                                     Policies... policies) {
  if (task.is_sgd) {
    return trainer_of(task, data, std::move(network), hone::Sgd{.lr = settings::lr, .momentum = settings::momentum},
                      std::move(policies)...);
  }
  const auto adamw = hone::AdamW{.lr = settings::lr, .weight_decay = task.weight_decay};
  if (task.bf16) return trainer_of(task, data, std::move(network), adamw, hone::Bf16{}, std::move(policies)...);
  if (!task.cosine) return trainer_of(task, data, std::move(network), adamw, std::move(policies)...);
  return trainer_of(task, data, std::move(network), adamw, hone::ClipNorm{.max_norm = task.max_norm},
                    hone::CosineLr{.min_lr = 0.0}, std::move(policies)...);
}

}  // namespace

std::vector<std::string_view> variants_for(std::string_view workload) {
  std::vector<std::string_view> names;
  if (workload == "wide_mlp") {
    names = {"hone", "hone_sync_copy"};
#ifdef HONE_WITH_CUDA
    names.push_back("hone_prefetch");
#endif
  } else {
    names = {"handwritten", "hone"};
#ifdef HONE_WITH_CUDA
    names.push_back("hone_captured");
#endif
  }
  return names;
}

std::unique_ptr<Variant> make_trainer(std::string_view variant, const Task& task, const Data& data,
                                      std::shared_ptr<Network> network) {
  if (variant == "hone" || variant == "hone_sync_copy") return trainer_for(task, data, std::move(network));
#ifdef HONE_WITH_CUDA
  if (variant == "hone_captured") return trainer_for(task, data, std::move(network), hone::StepCapture<>{});
  if (variant == "hone_prefetch" && task.is_sgd) {
    return trainer_of(task, data, std::move(network), hone::Sgd{.lr = settings::lr, .momentum = settings::momentum},
                      hone::PrefetchToDevice{});
  }
#endif
  throw std::invalid_argument(fmt::format("There is no variant {} of {} in this program. Pass one of: {}.", variant,
                                          task.name, fmt::join(variants_for(task.name), ", ")));
}
