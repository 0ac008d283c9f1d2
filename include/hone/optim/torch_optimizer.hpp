// SPDX-License-Identifier: Apache-2.0
/// An adapter of `torch::optim` optimizers to hone's optimizer interface.
#pragma once

#include <torch/optim/optimizer.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/optim/initial_lrs.hpp"

namespace torch::optim {
class LBFGS;
}

namespace hone {

/// Adapts a `torch::optim::Optimizer`, which keeps its own parameter groups, options and state.
///
/// **Cost** the cost of the optimizer's own `step`, which loops over the tensors: three to five times slower than
/// `FusedOptimizer` on small networks.
/// **Errors** `std::invalid_argument` for a null pointer and for an optimizer without parameters; one `static_assert`
/// message for `LBFGS`.
template <class O>
class TorchOptimizer {
  static_assert(!std::is_same_v<O, torch::optim::LBFGS>,
                "hone: LBFGS evaluates the loss several times in a step, which the trainer does not support. Use "
                "another optimizer.");

 public:
  /// Shares the ownership of the optimizer.
  explicit TorchOptimizer(std::shared_ptr<O> optimizer) : optimizer_(std::move(optimizer)) {
    if (!optimizer_)
      throw std::invalid_argument("The optimizer is a null pointer. Construct the torch::optim optimizer first.");
    std::size_t count = 0;
    for (const auto& group : optimizer_->param_groups()) count += group.params().size();
    if (count == 0) {
      throw std::invalid_argument(
          "The torch::optim optimizer has no parameters. Construct it with model->parameters().");
    }
    gradients_.reserve(count);
    initial_lrs_ = detail::initial_lrs(optimizer_);
  }

  /// Collects the defined gradients, in the order of the parameters. The list remains valid until the next call of this
  /// function or of `zero_grad`.
  at::TensorList collect_gradients() {
    gradients_.clear();
    for (const auto& group : optimizer_->param_groups()) {
      for (const auto& parameter : group.params()) {
        if (const auto& gradient = parameter.mutable_grad(); gradient.defined()) gradients_.push_back(gradient);
      }
    }
    collected_ = true;
    return gradients_;
  }
  /// Returns the collected gradients. Calls `collect_gradients` if it has not run since the last step.
  at::TensorList gradients() { return collected_ ? at::TensorList(gradients_) : collect_gradients(); }

  void step() {
    collected_ = false;
    optimizer_->step();
    ++num_updates_;
  }
  void zero_grad(bool set_to_none = true) {
    collected_ = false;
    gradients_.clear();
    optimizer_->zero_grad(set_to_none);
  }

  [[nodiscard]] std::size_t num_groups() const { return optimizer_->param_groups().size(); }
  /// Returns the base value of learning rate schedules: the group's learning rate when the optimizer was first bound,
  /// or when it was bound again after a change of the rate by the user. All bindings of an optimizer share the value.
  [[nodiscard]] double base_lr(std::size_t group) const { return initial_lrs_->base.at(group); }
  /// Sets this value, for all bindings of the optimizer.
  void set_base_lr(std::size_t group, double new_lr) {
    initial_lrs_->base.at(group) = new_lr;
    initial_lrs_->last_set.at(group) = lr(group);
  }
  [[nodiscard]] double lr(std::size_t group = 0) const {
    return optimizer_->param_groups().at(group).options().get_lr();
  }
  void set_lr(std::size_t group, double lr) {
    optimizer_->param_groups().at(group).options().set_lr(lr);
    initial_lrs_->last_set.at(group) = lr;
  }
  void set_lr(double lr) {
    initial_lrs_->resize(num_groups());
    for (std::size_t group = 0; group < num_groups(); ++group) set_lr(group, lr);
  }
  [[nodiscard]] std::int64_t num_updates() const { return num_updates_; }

  /// The parameters of all groups, in order.
  [[nodiscard]] std::vector<at::Tensor> parameters() const {
    std::vector<at::Tensor> result;
    for (const auto& group : optimizer_->param_groups()) {
      result.insert(result.end(), group.params().begin(), group.params().end());
    }
    return result;
  }

  /// Serializes the learning rates and the state of a custom optimizer that has `serialize(archive)`.
  template <class Archive>
    requires requires(O& optimizer, Archive& archive) { optimizer.serialize(archive); }
  void serialize(Archive& archive) {
    std::vector<double> lrs, base_lrs = initial_lrs_->base;
    for (std::size_t group = 0; group < num_groups(); ++group) lrs.push_back(lr(group));
    archive("lrs", lrs);
    archive("base_lrs", base_lrs);
    archive("optimizer", *optimizer_);
    if (!archive.is_loading) return;
    initial_lrs_->resize(num_groups());
    base_lrs.resize(num_groups());
    lrs.resize(num_groups());
    initial_lrs_->base = base_lrs;
    for (std::size_t group = 0; group < num_groups(); ++group) set_lr(group, lrs[group]);
  }

  /// Returns the optimizer itself, with its own options and state.
  [[nodiscard]] O& torch_optimizer() { return *optimizer_; }
  [[nodiscard]] const O& torch_optimizer() const { return *optimizer_; }

 private:
  std::shared_ptr<O> optimizer_;
  std::shared_ptr<detail::InitialLrs> initial_lrs_;
  std::vector<at::Tensor> gradients_;
  std::int64_t num_updates_ = 0;
  bool collected_ = false;
};

}  // namespace hone
