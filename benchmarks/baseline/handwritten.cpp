// SPDX-License-Identifier: Apache-2.0
/// The baseline: a training loop that an expert writes for one network.
///
/// - Batches are gathered into reused buffers, row by row with `memcpy` of a size that is known at compile time.
/// - The update is one fused kernel over tensor lists that are created once. All parameters share one step count, which
///   is incremented in place.
/// - The loss and the gradient norm are read without `item()`.
/// - Gradients are moved out of the parameters, and released immediately after the update.
/// - Denormals are flushed to zero, and the heap retains freed memory.
#include <ATen/Context.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <malloc.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "hone/data/sampler.hpp"
#include "variant.hpp"
#include "workloads.hpp"

namespace {

/// Gathers rows of `row_bytes` bytes into a batch.
template <std::size_t row_bytes>
class Column {
 public:
  Column(const torch::Tensor& source, std::int64_t batch_size)
      : batch_(torch::empty_like(source.narrow(0, 0, batch_size))),
        source_(static_cast<const std::byte*>(source.const_data_ptr())),
        destination_(static_cast<std::byte*>(batch_.mutable_data_ptr())) {}

  [[nodiscard]] const torch::Tensor& batch() const { return batch_; }
  void gather(const std::int64_t* indices, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(destination_ + static_cast<std::size_t>(i) * row_bytes,
                  source_ + static_cast<std::size_t>(indices[i]) * row_bytes, row_bytes);
    }
  }

 private:
  torch::Tensor batch_;
  const std::byte* source_;
  std::byte* destination_;
};

float scalar(const torch::Tensor& tensor) { return *static_cast<const float*>(tensor.const_data_ptr()); }

std::vector<torch::Tensor> zeros_like(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> zeros;
  for (const auto& tensor : tensors) zeros.push_back(torch::zeros_like(tensor, torch::requires_grad(false)));
  return zeros;
}

template <class Workload>
class HandwrittenLoop : public Variant {
 public:
  explicit HandwrittenLoop(const Data& data)
      : samples_(data.inputs.size(0)),
        batch_size_(data.batch_size),
        inputs_(data.inputs, batch_size_),
        targets_(data.targets, batch_size_) {
    use_channels_last();
    momenta_ = zeros_like(parameters_);
    if constexpr (Workload::rule != Rule::sgd) {
      squares_ = zeros_like(parameters_);
      steps_.assign(parameters_.size(), step_);  // all parameters are updated equally often
    }
  }

  double train(std::int64_t steps) override {
    // All variants visit the samples in the same order. Computing it is not part of a step.
    const auto order = hone::RandomSampler{settings::seed}.order(samples_, 0);
    const auto* indices = static_cast<const std::int64_t*>(order.const_data_ptr());
    model_->train();
    double total = 0.0;
    for (std::int64_t step = 0; step < steps; ++step, indices += batch_size_) {
      inputs_.gather(indices, batch_size_);
      targets_.gather(indices, batch_size_);
      const auto loss = typename Workload::Loss{}(model_->forward(inputs_.batch()), targets_.batch());
      total += static_cast<double>(scalar(loss)) * static_cast<double>(batch_size_);
      loss.backward();
      update(step, steps);
    }
    return total / static_cast<double>(steps * batch_size_);
  }

 private:
  /// Converts the weights of convolutions. Images with one channel are contiguous in both formats.
  void use_channels_last() {
    const torch::NoGradGuard no_grad;
    for (const auto& parameter : parameters_) {
      if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
    }
  }

  void update(std::int64_t step, std::int64_t steps) {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < parameters_.size(); ++i) gradients_[i] = std::move(parameters_[i].mutable_grad());
    if constexpr (Workload::max_norm > 0.0) clip();
    const double lr = learning_rate(step, steps);
    if constexpr (Workload::rule == Rule::sgd) {
      at::_fused_sgd_(parameters_, gradients_, momenta_, /*weight_decay=*/0.0, settings::momentum, lr,
                      /*dampening=*/0.0,
                      /*nesterov=*/false, /*maximize=*/false, std::exchange(first_, false));
    } else {
      *static_cast<float*>(step_.mutable_data_ptr()) += 1.0F;
      if constexpr (Workload::rule == Rule::adam) {
        at::_fused_adam_(parameters_, gradients_, momenta_, squares_, {}, steps_, lr, settings::beta1, settings::beta2,
                         /*weight_decay=*/0.0, settings::eps, /*amsgrad=*/false, /*maximize=*/false);
      } else {
        at::_fused_adamw_(parameters_, gradients_, momenta_, squares_, {}, steps_, lr, settings::beta1, settings::beta2,
                          Workload::weight_decay, settings::eps, /*amsgrad=*/false,
                          /*maximize=*/false);
      }
    }
    for (auto& gradient : gradients_) gradient.reset();
  }

  void clip() {
    const auto norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients_, 2)), 2);
    const float factor = static_cast<float>(Workload::max_norm) / (scalar(norm) + 1e-6F);
    if (factor < 1.0F) at::_foreach_mul_(gradients_, static_cast<double>(factor));
  }

  static double learning_rate(std::int64_t step, std::int64_t steps) {
    if constexpr (!Workload::cosine) return settings::lr;
    const double half = std::cos(std::numbers::pi / 2.0 * (static_cast<double>(step) / static_cast<double>(steps)));
    return half * half * settings::lr;
  }

  typename Workload::Model model_ = make_model<Workload>();
  std::vector<torch::Tensor> parameters_ = model_->parameters();
  std::vector<torch::Tensor> gradients_{parameters_.size()};
  std::vector<torch::Tensor> momenta_, squares_, steps_;
  torch::Tensor step_ = torch::zeros({});
  bool first_ = true;
  std::int64_t samples_, batch_size_;
  Column<Workload::input_bytes> inputs_;
  Column<Workload::target_bytes> targets_;
};

}  // namespace

std::unique_ptr<Variant> make_handwritten(std::string_view workload, const Data& data) {
  return with_workload(workload, [&]<class Workload>() -> std::unique_ptr<Variant> {
    return std::make_unique<HandwrittenLoop<Workload>>(data);
  });
}

void configure_handwritten_process() {
  at::globalContext().setFlushDenormal(true);  // inherited by threads that LibTorch starts later
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}
