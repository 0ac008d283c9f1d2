// SPDX-License-Identifier: Apache-2.0
/// Ablation study of the hand-written loop: a baseline configuration, and configurations that change one technique.
/// `run.py` runs this program once for each measurement.
///
///     bench_ablation WORKLOAD CONFIG STEPS MNIST TEXT
///
/// CONFIG is `baseline` or a member of `Config`. Prints `{"us": ..., "faults": ..., "loss": ...}`: wall time per step,
/// page faults per step, and the mean loss, all of the second epoch of STEPS steps.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "../baseline/data.hpp"
#include "../baseline/workloads.hpp"
#include "hone/data/prefetch.hpp"
#include "hone/data/tensor_loader.hpp"

namespace {

using torch::Tensor;
using Batch = std::pair<Tensor, Tensor>;

/// The techniques that a loop uses. The default values are the baseline.
struct Config {
  bool flush_denormals = true;    ///< Flush denormals to zero.
  bool retain_heap = true;        ///< Retain freed memory for the next step.
  bool buffered_gather = true;    ///< Copy rows into reused buffers instead of calling `index_select`.
  bool fused_optimizer = true;    ///< One kernel for all parameters instead of `torch::optim`.
  bool set_to_none = true;        ///< Release gradients after the update instead of zeroing them.
  bool shared_step_count = true;  ///< One step count for all parameters instead of one each.
  bool foreach_clip = true;       ///< All gradient norms in one call, without `item()`, instead of `clip_grad_norm_`.
  bool loss_pointer = true;       ///< Read the loss through its data pointer instead of with `item()`.
  bool channels_last = true;      ///< Convert images and convolution weights to channels last.
  bool prefetch = false;          ///< Make batches in a background thread.
  bool two_threads = false;       ///< Run operators with two threads.

  /// Returns the baseline, with the member `name` inverted unless `name` is `baseline`.
  static Config named(std::string_view name) {
    Config config;
    if (name == "baseline") return config;
    for (const auto& [member_name, member] : std::initializer_list<std::pair<std::string_view, bool Config::*>>{
             {"flush_denormals", &Config::flush_denormals},
             {"retain_heap", &Config::retain_heap},
             {"buffered_gather", &Config::buffered_gather},
             {"fused_optimizer", &Config::fused_optimizer},
             {"set_to_none", &Config::set_to_none},
             {"shared_step_count", &Config::shared_step_count},
             {"foreach_clip", &Config::foreach_clip},
             {"loss_pointer", &Config::loss_pointer},
             {"channels_last", &Config::channels_last},
             {"prefetch", &Config::prefetch},
             {"two_threads", &Config::two_threads}}) {
      if (name != member_name) continue;
      config.*member = !(config.*member);
      return config;
    }
    throw std::invalid_argument(
        fmt::format("There is no configuration {}. Pass baseline or a member of Config.", name));
  }
};

template <class Workload>
class Loop {
 public:
  Loop(const Data& data, const Config& config)
      : config_(config), data_{with_format(data.inputs), data.targets, data.batch_size} {
    for (auto& parameter : parameters_) {
      const torch::NoGradGuard no_grad;
      parameter.set_data(with_format(parameter));
      gradients_.emplace_back();
      momenta_.push_back(torch::zeros_like(parameter, torch::requires_grad(false)));
      squares_.push_back(torch::zeros_like(parameter, torch::requires_grad(false)));
      counts_.push_back(config_.shared_step_count && !counts_.empty() ? counts_[0] : torch::zeros({}));
    }
    if (!config_.fused_optimizer) optimizer_ = make_optimizer();
  }

  /// Trains one epoch and returns the mean loss.
  double epoch(std::int64_t steps, std::uint64_t number) {
    model_->train();
    double total = 0.0;
    const hone::TensorDataset<Batch> dataset{data_.inputs, data_.targets};
    if (config_.buffered_gather) {
      hone::TensorLoader loader{dataset,
                                {.batch_size = Workload::batch_size, .shuffle = true, .seed = settings::seed + number}};
      if (config_.prefetch) {
        hone::Prefetched prefetched(loader, 2);
        for (const auto& batch : prefetched) total += step(batch);
      } else {
        for (const auto& batch : loader) total += step(batch);
      }
    } else {
      const auto order = torch::randperm(data_.inputs.size(0));
      for (std::int64_t i = 0; i < steps; ++i) {
        const auto indices = order.narrow(0, i * Workload::batch_size, Workload::batch_size);
        total += step({data_.inputs.index_select(0, indices), data_.targets.index_select(0, indices)});
      }
    }
    return total / static_cast<double>(steps);
  }

 private:
  double step(const Batch& batch) {
    const auto loss = typename Workload::Loss{}(model_->forward(batch.first), batch.second);
    const double value =
        config_.loss_pointer ? *static_cast<const float*>(loss.const_data_ptr()) : loss.template item<double>();
    loss.backward();
    if constexpr (Workload::max_norm > 0.0) clip();
    if (optimizer_) {
      optimizer_->step();
    } else {
      update();
    }
    for (auto& parameter : parameters_) {
      if (config_.set_to_none) {
        parameter.mutable_grad().reset();
      } else {
        parameter.mutable_grad().zero_();
      }
    }
    return value;
  }

  void clip() {
    if (!config_.foreach_clip) {
      torch::nn::utils::clip_grad_norm_(parameters_, Workload::max_norm);
      return;
    }
    const torch::NoGradGuard no_grad;
    collect();
    const auto norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients_, 2)), 2);
    const float factor =
        static_cast<float>(Workload::max_norm) / (*static_cast<const float*>(norm.const_data_ptr()) + 1e-6F);
    if (factor < 1.0F) at::_foreach_mul_(gradients_, factor);
    gradients_.assign(parameters_.size(), {});
  }

  void update() {
    const torch::NoGradGuard no_grad;
    collect();
    if constexpr (Workload::rule == Rule::sgd) {
      at::_fused_sgd_(parameters_, gradients_, momenta_, 0.0, settings::momentum, settings::lr, 0.0, false, false,
                      std::exchange(first_, false));
    } else {
      if (config_.shared_step_count) {
        *static_cast<float*>(counts_[0].mutable_data_ptr()) += 1.0F;
      } else {
        at::_foreach_add_(counts_, 1);
      }
      if constexpr (Workload::rule == Rule::adam) {
        at::_fused_adam_(parameters_, gradients_, momenta_, squares_, {}, counts_, settings::lr, settings::beta1,
                         settings::beta2, 0.0, settings::eps, false, false);
      } else {
        at::_fused_adamw_(parameters_, gradients_, momenta_, squares_, {}, counts_, settings::lr, settings::beta1,
                          settings::beta2, Workload::weight_decay, settings::eps, false, false);
      }
    }
    gradients_.assign(parameters_.size(), {});
  }
  void collect() {
    for (std::size_t i = 0; i < parameters_.size(); ++i) gradients_[i] = parameters_[i].mutable_grad();
  }

  [[nodiscard]] Tensor with_format(const Tensor& tensor) const {
    return config_.channels_last && tensor.dim() == 4 ? tensor.contiguous(at::MemoryFormat::ChannelsLast) : tensor;
  }

  std::unique_ptr<torch::optim::Optimizer> make_optimizer() {
    if constexpr (Workload::rule == Rule::sgd) {
      return std::make_unique<torch::optim::SGD>(parameters_,
                                                 torch::optim::SGDOptions(settings::lr).momentum(settings::momentum));
    } else if constexpr (Workload::rule == Rule::adam) {
      return std::make_unique<torch::optim::Adam>(parameters_, torch::optim::AdamOptions(settings::lr));
    } else {
      return std::make_unique<torch::optim::AdamW>(
          parameters_, torch::optim::AdamWOptions(settings::lr).weight_decay(Workload::weight_decay));
    }
  }

  Config config_;
  Data data_;
  typename Workload::Model model_ = make_model<Workload>();
  std::vector<Tensor> parameters_ = model_->parameters();
  std::vector<Tensor> gradients_, momenta_, squares_, counts_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  bool first_ = true;
};

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

void measure(std::string_view workload, const Config& config, std::int64_t steps, const Source& source) {
  at::set_num_threads(config.two_threads ? 2 : 1);
  at::globalContext().setFlushDenormal(config.flush_denormals);
  if (config.retain_heap) {
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  }
  const auto data = load_data(workload, steps, source);
  with_workload(workload, [&]<class Workload>() {
    Loop<Workload> loop(data, config);
    loop.epoch(steps, 0);
    const auto faults = page_faults();
    const auto begin = std::chrono::steady_clock::now();
    const double loss = loop.epoch(steps, 1);
    const std::chrono::duration<double, std::micro> us = std::chrono::steady_clock::now() - begin;
    fmt::print("{{\"us\": {:.3f}, \"faults\": {:.2f}, \"loss\": {:.6f}}}\n", us.count() / static_cast<double>(steps),
               static_cast<double>(page_faults() - faults) / static_cast<double>(steps), loss);
  });
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 6) throw std::invalid_argument("Pass WORKLOAD CONFIG STEPS MNIST TEXT. MNIST may be empty.");
    measure(argv[1], Config::named(argv[2]), std::stoll(argv[3]),
            {.mnist = argv[4], .text = argv[5], .written = {}, .batch_size = 0});
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_ablation: {}\n", error.what());
    return 2;
  }
}
