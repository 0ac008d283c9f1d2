// SPDX-License-Identifier: Apache-2.0
/// hone's trainers, one type for each recipe.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>
#include <utility>

#include "contenders.hpp"
#include "hone/hone.hpp"

namespace {

#ifdef HONE_WITH_CUDA
using DeviceOfProgram = hone::Cuda<>;
#else
using DeviceOfProgram = hone::Cpu;
#endif

struct LossOf {
  LossFunction function;
  torch::Tensor operator()(const torch::Tensor& output, const torch::Tensor& target) const {
    return function(output, target);
  }
};

/// A trainer in the ring: `train` is a call of `Trainer::train`, as a user writes it.
template <class Trainer>
class TrainerOnDevice : public Contender {
 public:
  TrainerOnDevice(const Data& data, Trainer trainer)
      : set_(data.inputs, data.targets), batch_size_(data.batch_size), trainer_(std::move(trainer)) {}

  double train(std::int64_t steps) override {
    const auto history =
        trainer_.train(set_, {.per_device_batch_size = batch_size_, .max_updates = steps, .seed = settings::seed});
    return history.at("train_loss_epoch");
  }
  Counts counts() const override {
    if constexpr (requires { trainer_.execution().counts().replayed; }) {
      const auto& counts = trainer_.execution().counts();
      return {.written = counts.eager, .replayed = counts.replayed, .reason = counts.reason};
    } else {
      return {};
    }
  }

 private:
  hone::TensorDataset<std::pair<torch::Tensor, torch::Tensor>> set_;
  std::int64_t batch_size_;
  Trainer trainer_;
};

template <class... Parts>
std::unique_ptr<Contender> composed(const Task& task, const Data& data, std::shared_ptr<Network> network,
                                    Parts... parts) {
  auto trainer = hone::Trainer{std::move(network), LossOf{task.loss}, std::move(parts)..., DeviceOfProgram{}};
  return std::make_unique<TrainerOnDevice<decltype(trainer)>>(data, std::move(trainer));
}

/// `more`: how the step is executed, how batches travel.
template <class... More>
std::unique_ptr<Contender> with_recipe(const Task& task, const Data& data, std::shared_ptr<Network> network,
                                       More... more) {
  if (task.is_sgd) {
    return composed(task, data, std::move(network), hone::Sgd{.lr = settings::lr, .momentum = settings::momentum},
                    std::move(more)...);
  }
  const auto adamw = hone::AdamW{.lr = settings::lr, .weight_decay = task.weight_decay};
  if (task.bf16) return composed(task, data, std::move(network), adamw, hone::Bf16{}, std::move(more)...);
  if (!task.cosine) return composed(task, data, std::move(network), adamw, std::move(more)...);
  return composed(task, data, std::move(network), adamw, hone::ClipNorm{.max_norm = task.max_norm},
                  hone::CosineLr{.min_lr = 0.0}, std::move(more)...);
}

}  // namespace

std::vector<std::string_view> contenders_for(std::string_view workload) {
  std::vector<std::string_view> names;
  if (workload == "wide_mlp") {
    names = {"hone", "hone_direct"};
#ifdef HONE_WITH_CUDA
    names.push_back("hone_prefetch");
#endif
  } else {
    names = {"hand", "hone"};
#ifdef HONE_WITH_CUDA
    names.push_back("hone_captured");
#endif
  }
  return names;
}

std::unique_ptr<Contender> make_trainer(std::string_view contender, const Task& task, const Data& data,
                                        std::shared_ptr<Network> network) {
  if (contender == "hone" || contender == "hone_direct") return with_recipe(task, data, std::move(network));
#ifdef HONE_WITH_CUDA
  if (contender == "hone_captured") return with_recipe(task, data, std::move(network), hone::StepCapture<>{});
  if (contender == "hone_prefetch" && task.is_sgd) {
    return composed(task, data, std::move(network), hone::Sgd{.lr = settings::lr, .momentum = settings::momentum},
                    hone::PrefetchToDevice{});
  }
#endif
  throw std::invalid_argument(fmt::format("There is no contender {} for {} in this program. There are: {}.", contender,
                                          task.name, fmt::join(contenders_for(task.name), ", ")));
}
