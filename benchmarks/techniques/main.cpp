// SPDX-License-Identifier: Apache-2.0
/// What each technique brings: a hand-written loop with all of them, and with one left out. `run.py` runs this program
/// once for each point.
///
///   WORKLOAD VARIANT STEPS DATA...   prints `{"us": ..., "faults": ..., "loss": ...}`: the CPU time and the page
///   faults
///                                    of a step in the second epoch of STEPS steps, and its mean loss
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

#include "../floor/data.hpp"
#include "../floor/workloads.hpp"
#include "hone/data/prefetch.hpp"
#include "hone/data/tensor_loader.hpp"

namespace {

using torch::Tensor;
using Batch = std::pair<Tensor, Tensor>;

/// True: the technique is used.
struct Techniques {
  bool flush = true;          ///< Numbers that are nearly zero are zero.
  bool heap = true;           ///< Memory that a step frees is kept for the next.
  bool gather = true;         ///< Rows are copied into buffers that are used again, instead of `index_select`.
  bool fused = true;          ///< One kernel for all parameters, instead of `torch::optim`.
  bool taken = true;          ///< Gradients are taken away after the update, instead of kept and zeroed.
  bool one_count = true;      ///< One count of updates for all parameters, instead of one each.
  bool foreach_clip = true;   ///< Norms of all gradients at once, read where they lie, instead of `clip_grad_norm_`.
  bool plain_loss = true;     ///< The loss is read where it lies, instead of with `item()`.
  bool channels_last = true;  ///< Of images.
  bool prefetch = false;      ///< Batches are made by another thread.
  bool two_threads = false;   ///< Operators use two threads.

  static Techniques named(std::string_view variant) {
    Techniques all;
    if (variant == "all") return all;
    for (const auto& [name, member] : std::initializer_list<std::pair<std::string_view, bool Techniques::*>>{
             {"flush", &Techniques::flush},
             {"heap", &Techniques::heap},
             {"gather", &Techniques::gather},
             {"fused", &Techniques::fused},
             {"taken", &Techniques::taken},
             {"one_count", &Techniques::one_count},
             {"foreach_clip", &Techniques::foreach_clip},
             {"plain_loss", &Techniques::plain_loss},
             {"channels_last", &Techniques::channels_last},
             {"prefetch", &Techniques::prefetch},
             {"two_threads", &Techniques::two_threads}}) {
      if (variant != name) continue;
      all.*member = !(all.*member);
      return all;
    }
    throw std::invalid_argument(fmt::format("There is no technique {}.", variant));
  }
};

template <class Workload>
class Loop {
 public:
  Loop(const Data& data, const Techniques& techniques)
      : use_(techniques), data_{arranged(data.inputs), data.targets, data.batch_size} {
    for (auto& parameter : parameters_) {
      const torch::NoGradGuard no_grad;
      parameter.set_data(arranged(parameter));
      gradients_.emplace_back();
      momenta_.push_back(torch::zeros_like(parameter, torch::requires_grad(false)));
      squares_.push_back(torch::zeros_like(parameter, torch::requires_grad(false)));
      counts_.push_back(use_.one_count && !counts_.empty() ? counts_[0] : torch::zeros({}));
    }
    if (!use_.fused) optimizer_ = made_optimizer();
  }

  /// The mean loss.
  double epoch(std::int64_t steps, std::uint64_t number) {
    model_->train();
    double total = 0.0;
    const hone::TensorDataset<Batch> dataset{data_.inputs, data_.targets};
    if (use_.gather) {
      hone::TensorLoader loader{dataset,
                                {.batch_size = Workload::batch_size, .shuffle = true, .seed = settings::seed + number}};
      if (use_.prefetch) {
        hone::Prefetched ahead(loader, 2);
        for (const auto& batch : ahead) total += step(batch);
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
        use_.plain_loss ? *static_cast<const float*>(loss.const_data_ptr()) : loss.template item<double>();
    loss.backward();
    if constexpr (Workload::max_norm > 0.0) clip();
    if (optimizer_) {
      optimizer_->step();
    } else {
      update();
    }
    for (auto& parameter : parameters_) {
      if (use_.taken) {
        parameter.mutable_grad().reset();
      } else {
        parameter.mutable_grad().zero_();
      }
    }
    return value;
  }

  void clip() {
    if (!use_.foreach_clip) {
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
      if (use_.one_count) {
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

  [[nodiscard]] Tensor arranged(const Tensor& tensor) const {
    return use_.channels_last && tensor.dim() == 4 ? tensor.contiguous(at::MemoryFormat::ChannelsLast) : tensor;
  }

  std::unique_ptr<torch::optim::Optimizer> made_optimizer() {
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

  Techniques use_;
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

void measure(std::string_view workload, const Techniques& use, std::int64_t steps, const Source& source) {
  at::set_num_threads(use.two_threads ? 2 : 1);
  at::globalContext().setFlushDenormal(use.flush);
  if (use.heap) {
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  }
  const auto data = load_data(workload, steps, source);
  with_workload(workload, [&]<class Workload>() {
    Loop<Workload> loop(data, use);
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
    if (argc < 6) throw std::invalid_argument("Give WORKLOAD VARIANT STEPS MNIST TEXT; MNIST may be empty.");
    measure(argv[1], Techniques::named(argv[2]), std::stoll(argv[3]), {.mnist = argv[4], .text = argv[5]});
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_techniques: {}\n", error.what());
    return 2;
  }
}
