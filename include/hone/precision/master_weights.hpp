// SPDX-License-Identifier: Apache-2.0
/// An optimizer of 16-bit weights that updates float32 master weights.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/where.h>
#include <c10/core/GradMode.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/gradient_layout.hpp"
#include "hone/optim/optimizer_state.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/optim/rule.hpp"

namespace hone {

/// A `FusedOptimizer` of the master weights, float32 copies of the model's weights. An update converts the gradients of
/// the model's weights to float32, updates the master weights, and rounds them into the model's weights. Thus, changes
/// too small for 16 bits accumulate, and clipping and the optimizer's state are float32.
///
/// After each step, the model's weights are the rounded master weights. A write to a weight between two steps, for
/// example of an average or a state dict, is respected: the next step starts from the changed elements. LibTorch does
/// not report writes through `.data()` or a raw pointer; call `read_weights` after such writes. `collect_gradients`
/// moves the gradients from the model's weights to `gradients()`.
///
/// **Cost** two float32 tensors for each weight, in addition to the optimizer's state; for each update, two copies of
/// all of them, and two integer comparisons for each weight.
/// **Errors** as `FusedOptimizer`.
/// **Source** P. Micikevicius et al., "Mixed Precision Training", 2018, section 3.1.
template <OptimizerRule Rule>
class MasterWeights {
 public:
  using rule_type = Rule;

  /// Converts the weights of an optimizer to `dtype`. The master weights are the original weights in float32.
  MasterWeights(FusedOptimizer<Rule>&& whole, at::ScalarType dtype) : dtype_(dtype), num_updates_(whole.num_updates()) {
    for (const auto& group : whole.groups()) {
      NamedParameters weights;
      for (std::size_t i = group.first(); i < group.first() + group.size(); ++i) {
        weights.push_back({whole.names()[i], whole.parameters()[i]});
      }
      add_group(std::move(weights), group.base_settings());
      masters_->groups().back().settings = group.settings;
    }
    if (masters_) masters_->load_state(whole.state());  // empty without parameters
  }

  /// Adds a group of weights with separate settings, and converts the weights to the optimizer's dtype. If it throws
  /// `std::invalid_argument`, the optimizer is unchanged.
  void add_group(NamedParameters weights, const Rule& settings) {
    const at::NoGradGuard no_gradients;
    NamedParameters masters;
    detail::require_usable(weights, weights_, masters_ ? masters_->names() : std::span<const std::string>());
    for (const auto& [name, weight] : weights) {
      masters.push_back({name, weight.variable_data().to(at::kFloat)});
    }
    const auto added = masters;
    if (masters_) {
      masters_->add_group(std::move(masters), settings);
    } else {
      masters_.emplace(std::move(masters), settings);
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (auto& gradient = weights[i].value.mutable_grad(); gradient.defined()) gradient = gradient.to(dtype_);
      weights[i].value.set_data(added[i].value.to(dtype_, /*non_blocking=*/false, /*copy=*/true));
      weights_.push_back(weights[i].value);
      rounded_.push_back(Memory(weights[i].value));
    }
    gradients_.resize(weights_.size());
    collected_ = false;
  }

  /// Moves the weights' gradients, in float32, to the master weights for the next step. The next call adds gradients
  /// that the weights receive until then.
  at::TensorList collect_gradients() {
    take_gradients();
    collected_ = true;
    return masters_ ? masters_->collect_gradients() : at::TensorList();
  }
  at::TensorList gradients() { return collected_ ? masters_->gradients() : collect_gradients(); }

  void step(const StepScaling& scaling = {}) {
    if (!collected_) collect_gradients();
    collected_ = false;
    take_written_weights();
    masters_->step(scaling);
    ++num_updates_;
    const at::NoGradGuard no_gradients;
    at::_foreach_copy_(weights_, masters_->parameters());
    note_weights();
  }
  void zero_grad() {
    collected_ = false;
    if (masters_) masters_->zero_grad();
    for (const auto& weight : weights_) weight.mutable_grad().reset();
  }

  /// Returns the parameter groups of the master weights.
  [[nodiscard]] std::span<ParameterGroup<Rule>> groups() {
    return masters_ ? masters_->groups() : std::span<ParameterGroup<Rule>>();
  }
  [[nodiscard]] std::span<const ParameterGroup<Rule>> groups() const {
    return masters_ ? std::as_const(*masters_).groups() : std::span<const ParameterGroup<Rule>>();
  }
  /// Returns the number of parameter groups.
  [[nodiscard]] std::size_t num_groups() const { return masters_ ? masters_->num_groups() : 0; }
  /// Returns the base value of learning rate schedules.
  [[nodiscard]] double base_lr(std::size_t group) const { return masters_->base_lr(group); }
  /// Sets the base value of learning rate schedules.
  void set_base_lr(std::size_t group, double lr) { masters_->set_base_lr(group, lr); }
  /// Returns the learning rate of a group.
  [[nodiscard]] double lr(std::size_t group = 0) const { return masters_->lr(group); }
  /// Sets the learning rate of a group, or of all groups.
  void set_lr(std::size_t group, double lr) { masters_->set_lr(group, lr); }
  void set_lr(double lr) { masters_->set_lr(lr); }
  /// For CUDA graph capture; see `FusedOptimizer`.
  void write_lr()
    requires TakesLrTensor<Rule>
  {
    masters_->write_lr();
    take_written_weights();
  }
  /// For CUDA graph capture; see `FusedOptimizer`.
  [[nodiscard]] std::int64_t layout_version() const { return masters_->layout_version(); }
  /// For CUDA graph capture; see `FusedOptimizer`.
  void count_replayed_step() {
    masters_->count_replayed_step();
    for (const auto& weight : weights_) weight.unsafeGetTensorImpl()->bump_version();
    note_weights();
    ++num_updates_;
  }

  /// Returns the number of steps, including replayed steps and the steps of the original optimizer.
  [[nodiscard]] std::int64_t num_updates() const { return num_updates_; }

  /// The model's weights, the master weights in the same order, and their names.
  [[nodiscard]] at::TensorList parameters() const { return weights_; }
  /// Returns the master weights, in the order of `parameters()`.
  [[nodiscard]] at::TensorList master_weights() const { return masters_ ? masters_->parameters() : at::TensorList(); }
  /// Returns the names of the parameters.
  [[nodiscard]] std::span<const std::string> names() const {
    return masters_ ? masters_->names() : std::span<const std::string>();
  }

  /// Overwrites the master weights with the model's weights, which are rounded. Only for writes that LibTorch does not
  /// report.
  void read_weights() {
    const at::NoGradGuard no_gradients;
    if (masters_) at::_foreach_copy_(masters_->parameters(), weights_);
    note_weights();
  }

  /// Returns the optimizer's state for the master weights; see `FusedOptimizer`.
  [[nodiscard]] OptimizerState state() const { return masters_->state(); }
  /// Loads a state that `state` returned.
  void load_state(const OptimizerState& state) { masters_->load_state(state); }

 private:
  /// The address and the version counter of a weight.
  struct Memory {
    explicit Memory(const at::Tensor& weight)
        : address(weight.const_data_ptr()),
          version(weight.unsafeGetTensorImpl()->version_counter().current_version()) {}
    const void* address;
    std::uint32_t version;
    friend bool operator==(const Memory&, const Memory&) = default;
  };

  void note_weights() {
    for (std::size_t i = 0; i < weights_.size(); ++i) rounded_[i] = Memory(weights_[i]);
  }
  void take_written_weights() {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (Memory(weights_[i]) != rounded_[i]) [[unlikely]]
        take_weight(i);
    }
  }
  /// Copies the changed elements of a weight to its master weight. An element that equals the rounded master weight
  /// keeps its float32 value: for example, every element after an evaluation that swaps and restores the weights.
  [[gnu::noinline]] void take_weight(std::size_t i) {
    const at::NoGradGuard no_gradients;
    const at::Tensor& master = masters_->parameters()[i];
    master.copy_(at::where(weights_[i].eq(master.to(dtype_)), master, weights_[i].to(at::kFloat)));
    rounded_[i] = Memory(weights_[i]);
  }

  void take_gradients() {
    const at::NoGradGuard no_gradients;
    from_.clear();
    to_.clear();
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      at::Tensor& gradient = weights_[i].mutable_grad();
      if (!gradient.defined()) continue;
      if (!detail::is_laid_out_alike(gradient, weights_[i])) [[unlikely]] {
        detail::adopt_gradient(gradient, weights_[i], names()[i]);
      }
      at::Tensor& taken = masters_->parameters()[i].mutable_grad();
      if (taken.defined()) {
        taken.add_(gradient);
      } else {
        if (!gradients_[i].defined()) gradients_[i] = at::empty_like(masters_->parameters()[i]);
        taken = gradients_[i];
        from_.push_back(gradient);
        to_.push_back(taken);
      }
      gradient.reset();
    }
    if (!from_.empty()) at::_foreach_copy_(to_, from_);
    from_.clear();
  }

  at::ScalarType dtype_;
  std::vector<at::Tensor> weights_;
  std::vector<Memory> rounded_;  // of the weights, when they last equaled the rounded master weights
  std::optional<FusedOptimizer<Rule>> masters_;
  std::vector<at::Tensor> gradients_;  // of the master weights, reused by each update
  std::vector<at::Tensor> from_, to_;
  std::int64_t num_updates_;
  bool collected_ = false;
};

}  // namespace hone
