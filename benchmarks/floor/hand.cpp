// SPDX-License-Identifier: Apache-2.0
/// The loop that everything is measured against: what an expert writes for one network, with what LibTorch does best.
///
/// Batches are gathered into buffers that are used again, by copies of rows whose size the compiler knows. The update
/// is one fused kernel over lists that are made once; the count of updates is written where it lies, and so are the
/// loss and the norm of the gradients read. Gradients are taken, not copied, and given back to the allocator right
/// after the update. Numbers near zero are zero, and the heap keeps its pages.
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

#include "contender.hpp"
#include "hone/data/sampler.hpp"
#include "workloads.hpp"

namespace {

/// Gathers rows of `row_bytes` each.
template <std::size_t row_bytes>
class Column {
 public:
  Column(const torch::Tensor& source, std::int64_t batch_size)
      : batch_(torch::empty_like(source.narrow(0, 0, batch_size))),
        from_(static_cast<const std::byte*>(source.const_data_ptr())),
        to_(static_cast<std::byte*>(batch_.mutable_data_ptr())) {}

  [[nodiscard]] const torch::Tensor& batch() const { return batch_; }
  void gather(const std::int64_t* indices, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(to_ + static_cast<std::size_t>(i) * row_bytes,
                  from_ + static_cast<std::size_t>(indices[i]) * row_bytes, row_bytes);
    }
  }

 private:
  torch::Tensor batch_;
  const std::byte* from_;
  std::byte* to_;
};

float number(const torch::Tensor& tensor) { return *static_cast<const float*>(tensor.const_data_ptr()); }

std::vector<torch::Tensor> zeros_like(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> zeros;
  for (const auto& tensor : tensors) zeros.push_back(torch::zeros_like(tensor, torch::requires_grad(false)));
  return zeros;
}

template <class Workload>
class Hand : public Contender {
 public:
  explicit Hand(const Data& data)
      : samples_(data.inputs.size(0)),
        batch_size_(data.batch_size),
        inputs_(data.inputs, batch_size_),
        targets_(data.targets, batch_size_) {
    arrange();
    momenta_ = zeros_like(parameters_);
    if constexpr (Workload::rule != Rule::sgd) {
      squares_ = zeros_like(parameters_);
      steps_.assign(parameters_.size(), step_);  // all are updated equally often, so one tensor counts for all
    }
  }

  double train(std::int64_t steps) override {
    // Only so that all see the same batches; it is no part of a step.
    const auto order = hone::RandomSampler{settings::seed}.order(samples_, 0);
    const auto* indices = static_cast<const std::int64_t*>(order.const_data_ptr());
    model_->train();
    double total = 0.0;
    for (std::int64_t step = 0; step < steps; ++step, indices += batch_size_) {
      inputs_.gather(indices, batch_size_);
      targets_.gather(indices, batch_size_);
      const auto loss = typename Workload::Loss{}(model_->forward(inputs_.batch()), targets_.batch());
      total += static_cast<double>(number(loss)) * static_cast<double>(batch_size_);
      loss.backward();
      update(step, steps);
    }
    return total / static_cast<double>(steps * batch_size_);
  }

 private:
  /// Kernels of convolutions lie channels last. Images of one channel do anyway.
  void arrange() {
    const torch::NoGradGuard no_grad;
    for (const auto& parameter : parameters_) {
      if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
    }
  }

  void update(std::int64_t step, std::int64_t steps) {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < parameters_.size(); ++i) gradients_[i] = std::move(parameters_[i].mutable_grad());
    if constexpr (Workload::max_norm > 0.0) clip();
    const double rate = rate_of(step, steps);
    if constexpr (Workload::rule == Rule::sgd) {
      at::_fused_sgd_(parameters_, gradients_, momenta_, /*weight_decay=*/0.0, settings::momentum, rate,
                      /*dampening=*/0.0,
                      /*nesterov=*/false, /*maximize=*/false, std::exchange(first_, false));
    } else {
      *static_cast<float*>(step_.mutable_data_ptr()) += 1.0F;
      if constexpr (Workload::rule == Rule::adam) {
        at::_fused_adam_(parameters_, gradients_, momenta_, squares_, {}, steps_, rate, settings::beta1,
                         settings::beta2,
                         /*weight_decay=*/0.0, settings::eps, /*amsgrad=*/false, /*maximize=*/false);
      } else {
        at::_fused_adamw_(parameters_, gradients_, momenta_, squares_, {}, steps_, rate, settings::beta1,
                          settings::beta2, Workload::weight_decay, settings::eps, /*amsgrad=*/false,
                          /*maximize=*/false);
      }
    }
    for (auto& gradient : gradients_) gradient.reset();
  }

  void clip() {
    const auto norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients_, 2)), 2);
    const float factor = static_cast<float>(Workload::max_norm) / (number(norm) + 1e-6F);
    if (factor < 1.0F) at::_foreach_mul_(gradients_, static_cast<double>(factor));
  }

  static double rate_of(std::int64_t step, std::int64_t steps) {
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

std::unique_ptr<Contender> make_hand(std::string_view workload, const Data& data) {
  return with_workload(
      workload, [&]<class Workload>() -> std::unique_ptr<Contender> { return std::make_unique<Hand<Workload>>(data); });
}

void prepare_process_of_hand() {
  at::globalContext().setFlushDenormal(true);  // threads that LibTorch starts later have it from this one
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}
