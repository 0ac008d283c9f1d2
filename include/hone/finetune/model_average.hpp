// SPDX-License-Identifier: Apache-2.0
/// A running average of a model's weights.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_lerp.h>
#include <c10/core/GradMode.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/finetune/averaging_rules.hpp"
#include "hone/optim/parameter_group.hpp"

namespace hone {

/// The state of an average: the averaged parameters and buffers by their names in the model, and the number of updates.
struct AverageState {
  NamedParameters tensors;        ///< The averaged parameters and buffers.
  std::int64_t num_averaged = 0;  ///< The number of updates of the average.
};

namespace detail {

/// Returns a model's parameters, then its buffers, each tensor once. Sets `num_parameters`.
template <class Model>
NamedParameters parameters_and_buffers(const Model& model, std::size_t& num_parameters) {
  if constexpr (requires { model.named_buffers(); }) {
    auto all = named_parameters(model);
    num_parameters = all.size();
    std::unordered_set<const at::TensorImpl*> seen;
    for (const auto& parameter : all) seen.insert(parameter.value.unsafeGetTensorImpl());
    const auto add = [&](const std::string& name, const at::Tensor& value) {
      if (value.defined() && seen.insert(value.unsafeGetTensorImpl()).second) all.push_back({name, value});
    };
    for (const auto& item : model.named_buffers()) {
      if constexpr (requires { item.key(); }) {
        add(item.key(), item.value());
      } else {
        add(item.name, item.value);
      }
    }
    return all;
  } else if constexpr (requires { *model; }) {
    return parameters_and_buffers(*model, num_parameters);
  } else {
    return parameters_and_buffers(model.get(), num_parameters);
  }
}

}  // namespace detail

/// A running average of a model's parameters and buffers, in separate tensors on the model's device. Floating-point
/// values of fewer than 32 bits are averaged as float32, since rounding would cancel steps of `1 - decay`.
///
/// A model is a module, its holder, a smart pointer or reference wrapper to one, or a `torch::jit::Module`. Each call
/// accepts any model of the same architecture. Integers are copied, and so are buffers unless the rule averages them.
///
/// **Cost** memory for a copy of parameters and buffers; an update is one fused call, a copy of each tensor that is not
/// averaged, and an iteration over the model's names.
/// **Errors** `std::invalid_argument` for settings out of range; `DataError` for a model with other tensors, before any
/// change; `std::logic_error` from `update`, `set`, `copy_to`, `state` and `load_state` between two calls of `swap`.
/// **Source** `torch.optim.swa_utils.AveragedModel`, whose first update copies the values, as `set` does.
/// **Example**
/// ```
/// hone::ModelAverage average{model, hone::ExponentialAverage{.decay = 0.999}};
/// for (auto& batch : batches) { trainer.step(batch); average.update(model); }
/// average.copy_to(model);
/// ```
template <AveragingRule Rule = ExponentialAverage>
class ModelAverage {
 public:
  /// Starts with the model's current values.
  template <class Model>
  explicit ModelAverage(const Model& model, const Rule& rule = {}) : rule_(rule) {
    rule_.check();
    const at::NoGradGuard no_gradients;
    std::size_t num_parameters = 0;
    for (auto& [name, value] : detail::parameters_and_buffers(model, num_parameters)) {
      const bool is_number = value.is_floating_point() || value.is_complex();
      is_averaged_.push_back(is_number && (values_.size() < num_parameters || rule_.average_buffers));
      const bool is_short = value.is_floating_point() && value.element_size() < 4;
      const at::Tensor detached = value.detach();
      values_.push_back(is_averaged_.back() && is_short ? detached.to(at::kFloat) : detached.clone());
      names_.push_back(std::move(name));
    }
  }
  ModelAverage(ModelAverage&&) noexcept = default;
  ModelAverage& operator=(ModelAverage&&) noexcept = default;
  ModelAverage(const ModelAverage&) = delete;  // copies would share their tensors
  ModelAverage& operator=(const ModelAverage&) = delete;

  /// Updates the average with the model's current values.
  template <class Model>
  void update(const Model& model) {
    blend(model, rule_.weight(num_averaged_));
    ++num_averaged_;
  }

  /// Restarts the average from the model's current values.
  template <class Model>
  void set(const Model& model) {
    blend(model, 1.0);
    num_averaged_ = 0;
  }

  /// Copies the averaged values into the model.
  template <class Model>
  void copy_to(const Model& model) const {
    require_own_values();
    const auto live = matching(model);
    const at::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < live.size(); ++i) live[i].copy_(values_[i]);
  }

  /// Swaps the model's values with the averaged values. A second call with the same model restores the model's values
  /// bit for bit. Tensors of the same type, device and layout exchange their memory, so changes in place between the
  /// calls remain in the average. Other averaged values are copied into the model, and changes to them are discarded.
  template <class Model>
  void swap(const Model& model) {
    const auto live = matching(model);
    const at::NoGradGuard no_gradients;
    std::vector<at::Tensor> aside(live.size());
    for (std::size_t i = 0; i < live.size(); ++i) {
      if (!is_alike(live[i], values_[i])) aside[i] = live[i].clone();
    }
    for (std::size_t i = 0; i < live.size(); ++i) {
      if (aside[i].defined()) {
        live[i].copy_(is_in_model_ ? aside_[i] : values_[i]);
      } else {
        exchange(live[i], values_[i]);
      }
    }
    aside_ = std::move(aside);
    is_in_model_ = !is_in_model_;
    if (!is_in_model_) aside_.clear();
  }

  /// Returns the number of updates since the average started, including the updates in a loaded state.
  [[nodiscard]] std::int64_t num_averaged() const { return num_averaged_; }
  [[nodiscard]] const Rule& rule() const { return rule_; }

  /// Returns the state. Its tensors share the average's memory: clone them to keep their values.
  [[nodiscard]] AverageState state() const {
    require_own_values();
    AverageState state{{}, num_averaged_};
    for (std::size_t i = 0; i < values_.size(); ++i) state.tensors.push_back({names_[i], values_[i]});
    return state;
  }

  /// Copies `state` into the average, converted to each tensor's type and device.
  ///
  /// **Errors** `DataError` that lists every name and shape that does not match, before any change.
  void load_state(const AverageState& state) {
    require_own_values();
    std::vector<std::string> mismatches;
    std::unordered_map<std::string_view, const at::Tensor*> given;
    const std::unordered_set<std::string_view> known(names_.begin(), names_.end());
    for (const auto& [name, value] : state.tensors) {
      if (!known.contains(name)) mismatches.push_back(format_message("'{}' is not a tensor of this model", {name}));
      if (!given.emplace(name, &value).second) mismatches.push_back(format_message("'{}' is listed twice", {name}));
    }
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const auto found = given.find(names_[i]);
      if (found == given.end() || !found->second->defined()) {
        mismatches.push_back(format_message("'{}' is missing", {names_[i]}));
      } else if (found->second->sizes() != values_[i].sizes()) {
        mismatches.push_back(difference(i, *found->second));
      }
    }
    if (state.num_averaged < 0) mismatches.push_back(format_message("the count is {}", {state.num_averaged}));
    if (!mismatches.empty()) {
      throw DataError(
          format_message("The state does not match the average, which is unchanged: {}. Load the state of an average "
                         "of the same model.",
                         {joined(mismatches, "; ")}));
    }
    const at::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < names_.size(); ++i) values_[i].copy_(*given.at(names_[i]));
    num_averaged_ = state.num_averaged;
  }

 private:
  template <class Model>
  void blend(const Model& model, double weight) {
    require_own_values();
    const auto live = matching(model);
    const at::NoGradGuard no_gradients;
    std::vector<at::Tensor> averaged, newest;
    for (std::size_t i = 0; i < live.size(); ++i) {
      if (!is_averaged_[i] || weight == 1.0) {
        values_[i].copy_(live[i]);
      } else {
        averaged.push_back(values_[i]);
        newest.push_back(is_alike(live[i], values_[i]) ? live[i] : live[i].to(values_[i].options()));
      }
    }
    if (!averaged.empty()) at::_foreach_lerp_(averaged, newest, weight);
  }

  /// Returns the model's tensors in the average's order.
  template <class Model>
  [[nodiscard]] std::vector<at::Tensor> matching(const Model& model) const {
    std::size_t num_parameters = 0;
    std::vector<at::Tensor> live;
    live.reserve(values_.size());
    for (auto& [name, value] : detail::parameters_and_buffers(model, num_parameters)) {
      const std::size_t i = live.size();
      if (i < values_.size() && value.sizes() != values_[i].sizes()) {
        throw DataError(
            format_message("The model differs from the averaged model: {}. Pass a model with the same architecture.",
                           {difference(i, value)}));
      }
      live.push_back(std::move(value));
    }
    if (live.size() != values_.size()) {
      throw DataError(format_message(
          "The model has {} parameters and buffers, but its average has {}. Pass a model with the same architecture.",
          {live.size(), values_.size()}));
    }
    return live;
  }

  [[nodiscard]] std::string difference(std::size_t i, const at::Tensor& value) const {
    return format_message("'{}' has the shape [{}], expected [{}]",
                          {names_[i], joined(value.sizes(), ", "), joined(values_[i].sizes(), ", ")});
  }

  void require_own_values() const {
    if (!is_in_model_) return;
    throw std::logic_error("The averaged values are in the model. Call `swap` again first.");
  }

  static bool is_alike(const at::Tensor& a, const at::Tensor& b) {
    return a.scalar_type() == b.scalar_type() && a.device() == b.device() && a.layout() == b.layout();
  }

  static void exchange(const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor held = a.detach();
    a.set_data(b);
    b.set_data(held);
  }

  Rule rule_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> values_;
  std::vector<bool> is_averaged_;
  std::vector<at::Tensor> aside_;  // between two swaps: the model's values that cannot exchange memory
  std::int64_t num_averaged_ = 0;
  bool is_in_model_ = false;
};

template <class Model>
ModelAverage(const Model&) -> ModelAverage<ExponentialAverage>;

/// RAII: swaps a model's values with their average; the destructor swaps them back. Both must outlive it.
template <class Average, class Model>
class [[nodiscard]] AveragedWeights {
 public:
  /// Swaps the values.
  AveragedWeights(Average& average, const Model& model) : average_(average), model_(model) { average_.swap(model_); }
  ~AveragedWeights() { average_.swap(model_); }
  AveragedWeights(const AveragedWeights&) = delete;
  AveragedWeights& operator=(const AveragedWeights&) = delete;

 private:
  Average& average_;
  const Model& model_;
};

}  // namespace hone
