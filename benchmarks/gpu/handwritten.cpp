// SPDX-License-Identifier: Apache-2.0
/// The baseline: a training loop that an expert writes for the device. It uses the kernels that hone uses, creates its
/// tensor lists once, and does not synchronize with the host within a run.
#include <ATen/autocast_mode.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

#include <cmath>
#include <numbers>
#include <optional>
#include <utility>
#include <vector>

#include "device.hpp"
#include "hone/data/sampler.hpp"
#include "variants.hpp"

namespace {

/// An autocast region for bfloat16. Restores the previous settings.
class AutocastBf16 {
 public:
  explicit AutocastBf16(c10::DeviceType type)
      : type_(type),
        was_enabled_(at::autocast::is_autocast_enabled(type)),
        previous_dtype_(at::autocast::get_autocast_dtype(type)) {
    at::autocast::set_autocast_enabled(type, true);
    at::autocast::set_autocast_dtype(type, at::kBFloat16);
    at::autocast::increment_nesting();
  }
  AutocastBf16(const AutocastBf16&) = delete;
  AutocastBf16& operator=(const AutocastBf16&) = delete;
  ~AutocastBf16() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(type_, was_enabled_);
    at::autocast::set_autocast_dtype(type_, previous_dtype_);
  }

 private:
  c10::DeviceType type_;
  bool was_enabled_;
  at::ScalarType previous_dtype_;
};

class HandwrittenLoop : public Variant {
 public:
  HandwrittenLoop(const Task& task, const Data& data, std::shared_ptr<Network> network)
      : task_(task),
        data_(data),
        network_(std::move(network)),
        parameters_(network_->parameters()),
        inputs_(torch::empty_like(data.inputs.narrow(0, 0, task.batch_size))),
        targets_(torch::empty_like(data.targets.narrow(0, 0, task.batch_size))) {
    for (const auto& parameter : parameters_) {
      first_moments_.push_back(torch::zeros_like(parameter, torch::requires_grad(false)));
      if (!task_.is_sgd) second_moments_.push_back(torch::zeros_like(parameter, torch::requires_grad(false)));
    }
    step_counts_.assign(parameters_.size(), step_count_);
  }

  double train(std::int64_t steps) override {
    const auto order = hone::RandomSampler{settings::seed}.order(data_.inputs.size(0), 0).to(device());
    const auto total = torch::zeros({}, torch::device(device()));
    network_->train();
    for (std::int64_t step = 0; step < steps; ++step) {
      const auto indices = order.narrow(0, step * task_.batch_size, task_.batch_size);
      at::index_select_out(inputs_, data_.inputs, 0, indices);
      at::index_select_out(targets_, data_.targets, 0, indices);
      const auto loss = forward();
      loss.backward();
      const torch::NoGradGuard no_grad;
      update(step, steps);
      total.add_(loss);
    }
    return total.item<double>() / static_cast<double>(steps);
  }

 private:
  torch::Tensor forward() {
    std::optional<AutocastBf16> autocast;
    if (task_.bf16) autocast.emplace(device().type());
    return task_.loss(network_->forward(inputs_), targets_);
  }

  void update(std::int64_t step, std::int64_t steps) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) gradients_[i] = std::move(parameters_[i].mutable_grad());
    if (task_.max_norm > 0.0) {
      const auto norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients_, 2)), 2);
      at::_foreach_mul_(gradients_, (task_.max_norm / (norm + 1e-6)).clamp_max(1.0));
    }
    const double progress = static_cast<double>(step) / static_cast<double>(steps);
    const double lr = settings::lr * (task_.cosine ? 0.5 * (1.0 + std::cos(std::numbers::pi * progress)) : 1.0);
    if (task_.is_sgd) {
      at::_fused_sgd_(parameters_, gradients_, first_moments_, /*weight_decay=*/0.0, settings::momentum, lr,
                      /*dampening=*/0.0, /*nesterov=*/false, /*maximize=*/false, std::exchange(is_first_, false));
    } else {
      step_count_.add_(1);
      at::_fused_adamw_(parameters_, gradients_, first_moments_, second_moments_, {}, step_counts_, lr, settings::beta1,
                        settings::beta2, task_.weight_decay, settings::eps, /*amsgrad=*/false, /*maximize=*/false);
    }
    for (auto& gradient : gradients_) gradient.reset();
  }

  Task task_;
  Data data_;
  std::shared_ptr<Network> network_;
  std::vector<torch::Tensor> parameters_, gradients_{parameters_.size()}, first_moments_, second_moments_, step_counts_;
  torch::Tensor step_count_ = torch::zeros({}, torch::device(device()));  // all parameters are updated equally often
  torch::Tensor inputs_, targets_;
  bool is_first_ = true;
};

}  // namespace

std::unique_ptr<Variant> make_handwritten(const Task& task, const Data& data, std::shared_ptr<Network> network) {
  return std::make_unique<HandwrittenLoop>(task, data, std::move(network));
}
