// SPDX-License-Identifier: Apache-2.0
/// The optimizer for hone's update rules, on LibTorch's fused kernels.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/_foreach_zero.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hone/optim/gradient_layout.hpp"
#include "hone/optim/optimizer_state.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/optim/rule.hpp"

namespace hone {

/// Holds parameter groups with separate settings, and the state that `Rule` requires for each parameter. A step skips a
/// parameter without a gradient: neither its value nor its state changes. State is created at a parameter's first
/// update, so the model can be moved to another device before that.
///
/// **Cost** one fused kernel call for each group and step, two if only some of the group's parameters have state. Once
/// every parameter has been updated, a step allocates only what the kernel allocates.
/// **Errors** `std::invalid_argument` for settings out of range and for parameters that cannot be optimized;
/// `DataError` from `collect_gradients` (and thus from `step`) for a gradient that is sparse, or whose dtype, device or
/// shape differs from the parameter's. No parameter has changed then.
/// **Example**
/// ```
/// hone::FusedOptimizer<hone::Sgd> optimizer{hone::named_parameters(model->body, "body."), {.lr = 1e-3}};
/// optimizer.add_group(hone::named_parameters(model->head, "head."), {.lr = 1e-2, .momentum = 0.9});
/// ```
template <OptimizerRule Rule>
class FusedOptimizer {
 public:
  using rule_type = Rule;

  /// Constructs an optimizer without parameters; see `add_group`.
  FusedOptimizer() = default;
  explicit FusedOptimizer(NamedParameters parameters, const Rule& settings = {}) {
    add_group(std::move(parameters), settings);
  }
  FusedOptimizer(FusedOptimizer&&) noexcept = default;
  FusedOptimizer& operator=(FusedOptimizer&&) noexcept = default;
  FusedOptimizer(const FusedOptimizer&) = delete;
  FusedOptimizer& operator=(const FusedOptimizer&) = delete;

  /// Adds a parameter group with separate settings. If it throws `std::invalid_argument`, the optimizer is unchanged.
  void add_group(NamedParameters parameters, const Rule& settings) {
    settings.check();
    detail::require_usable(parameters, parameters_, names_);
    groups_.push_back(ParameterGroup<Rule>(settings, parameters_.size(), parameters.size()));
    for (auto& [name, value] : parameters) {
      names_.push_back(std::move(name));
      parameters_.push_back(std::move(value));
    }
    for (auto& field : state_) field.resize(parameters_.size());
    steps_.resize(Rule::counts_steps ? parameters_.size() : 0);
    gradients_.reserve(parameters_.size());
    collected_ = false;
    ++layout_version_;
  }

  /// Collects the defined gradients, in the order of the parameters, for the next step. The list remains valid until
  /// the next call of this function, `zero_grad` or `add_group`.
  at::TensorList collect_gradients() {
    collected_ = false;
    gradients_.clear();
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      at::Tensor& gradient = parameters_[i].mutable_grad();
      if (!gradient.defined()) continue;
      if (!detail::is_laid_out_alike(gradient, parameters_[i])) [[unlikely]] {
        detail::adopt_gradient(gradient, parameters_[i], names_[i]);
      }
      gradients_.push_back(gradient);
    }
    if (gradients_.size() != parameters_.size()) [[unlikely]]
      find_present();
    collected_ = true;
    return gradients_;
  }

  /// Returns the gradients for the next step. Calls `collect_gradients` if it has not run since the last step.
  at::TensorList gradients() { return collected_ ? at::TensorList(gradients_) : collect_gradients(); }

  /// Updates every parameter that has a gradient, with the current settings of its group.
  void step(const StepScaling& scaling = {}) {
    if (!collected_) collect_gradients();
    collected_ = false;
    const at::NoGradGuard no_grad;
    const bool complete = gradients_.size() == parameters_.size();
    for (auto& group : groups_) {
      if (complete && has_all_state(group)) [[likely]] {
        update(group, whole(group), false, scaling);
      } else {
        update_selected(group, scaling);
      }
    }
    ++num_updates_;
  }

  /// Resets all gradients to undefined tensors, so that the next backward pass assigns gradients instead of adding to
  /// them. If `set_to_none` is false, fills the defined gradients with zeros in place.
  void zero_grad(bool set_to_none = true) {
    if (set_to_none) {
      for (const auto& parameter : parameters_) parameter.mutable_grad().reset();
    } else {
      fill_with_zeros();
    }
    collected_ = false;
    gradients_.clear();
  }

  [[nodiscard]] std::span<ParameterGroup<Rule>> groups() { return groups_; }
  [[nodiscard]] std::span<const ParameterGroup<Rule>> groups() const { return groups_; }
  [[nodiscard]] std::size_t num_groups() const { return groups_.size(); }
  /// Returns the base value of learning rate schedules: by default, the learning rate at the group's creation.
  [[nodiscard]] double base_lr(std::size_t group) const { return groups_.at(group).base_lr(); }
  /// Sets the base value. A schedule uses it from the next update on.
  void set_base_lr(std::size_t group, double lr) { groups_.at(group).set_base_lr(lr); }
  [[nodiscard]] double lr(std::size_t group = 0) const { return groups_.at(group).settings.lr; }
  void set_lr(std::size_t group, double lr) { groups_.at(group).settings.lr = lr; }
  void set_lr(double lr) {
    for (auto& group : groups_) group.settings.lr = lr;
  }

  // --------------------------------------------------------------------------------------- for CUDA graph capture

  /// Writes the learning rates into tensors on the device, which a captured `step` reads. Later calls write only the
  /// changed rates. From the first call on, `step` uses tensor operators only, so that it can be captured.
  void write_lr()
    requires TakesLrTensor<Rule>
  {
    for (auto& group : groups_) {
      if (!group.lr_.defined()) {
        group.lr_ = at::empty({}, at::TensorOptions().dtype(at::kFloat).device(parameters_[group.first_].device()));
      } else if (group.written_lr_ == group.settings.lr) {
        continue;
      }
      group.lr_.fill_(group.settings.lr);
      group.written_lr_ = group.settings.lr;
    }
  }
  /// Returns a counter that changes whenever tensors that `step` uses are replaced.
  [[nodiscard]] std::int64_t layout_version() const { return layout_version_; }
  /// Records a replayed `step`: increments `num_updates` and the version counters of all parameters.
  void count_replayed_step() {
    for (const auto& parameter : parameters_) parameter.unsafeGetTensorImpl()->bump_version();
    ++num_updates_;
  }

  /// Returns the number of steps of this object, replayed steps included. `load_state` does not change it.
  [[nodiscard]] std::int64_t num_updates() const { return num_updates_; }

  [[nodiscard]] at::TensorList parameters() const { return parameters_; }
  /// Returns the names of the parameters, in the same order.
  [[nodiscard]] std::span<const std::string> names() const { return names_; }

  /// Returns the state by name. All tensors except `step`, a copy, alias the optimizer's state, which later updates
  /// change in place. Clone them to preserve the state.
  [[nodiscard]] OptimizerState state() const {
    OptimizerState result;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      auto& entry = result.emplace_back(ParameterState{names_[i], {}});
      // Parameters can share one counter, and an optimizer that uses this state can increment it in place.
      if (Rule::counts_steps && steps_[i].defined()) entry.fields.emplace_back("step", steps_[i].clone());
      for (std::size_t f = 0; f < num_fields; ++f) {
        if (state_[f][i].defined()) entry.fields.emplace_back(Rule::state_names[f], state_[f][i]);
      }
    }
    return result;
  }

  /// Copies `state` into the optimizer, with the dtype and on the device of each parameter (`step`: float32).
  ///
  /// **Errors** `DataError` that lists every name and shape that does not match. The optimizer is unchanged then.
  void load_state(const OptimizerState& state) {
    const auto matched =
        detail::match_state(state, names_, parameters_, Rule::state_names, static_cast<bool>(Rule::counts_steps));
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      for (std::size_t f = 0; f < num_fields; ++f) {
        const at::Tensor* value = detail::find_field(*matched[i], Rule::state_names[f]);
        state_[f][i] = value ? at::empty_like(parameters_[i]).copy_(*value) : at::Tensor();
      }
      if constexpr (Rule::counts_steps) {
        const at::Tensor* value = detail::find_field(*matched[i], "step");
        steps_[i] = value ? new_step(i).copy_(value->reshape({})) : at::Tensor();
      }
    }
    for (auto& group : groups_) {
      note_kept(group);
      group.shares_step_ = share_equal_steps(group);
    }
    ++layout_version_;
  }

 private:
  static constexpr std::size_t num_fields = Rule::state_names.size();
  using Lists = RuleLists<num_fields>;

  struct Scratch {
    std::vector<at::Tensor> parameters, gradients, steps;
    std::array<std::vector<at::Tensor>, num_fields> state;
  };

  [[gnu::noinline]] void fill_with_zeros() {
    const at::NoGradGuard no_grad;
    if (const auto present = collect_gradients(); !present.empty()) at::_foreach_zero_(present);
  }

  [[gnu::noinline]] void find_present() {
    present_.clear();
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (parameters_[i].mutable_grad().defined()) present_.push_back(i);
    }
  }

  static bool has_all_state(const ParameterGroup<Rule>& group) {
    for (std::size_t f = 0; f < num_fields; ++f) {
      if (!group.kept_[f] && group.settings.uses(f)) return false;
    }
    return true;
  }

  Lists whole(const ParameterGroup<Rule>& group) const {
    const auto slice = [&](const std::vector<at::Tensor>& list) {
      return at::TensorList(list.data() + group.first_, group.size_);
    };
    Lists lists{.parameters = slice(parameters_), .gradients = slice(gradients_), .state = {}, .steps = {}};
    for (std::size_t f = 0; f < num_fields; ++f) {
      if (group.settings.uses(f)) lists.state[f] = slice(state_[f]);
    }
    if constexpr (Rule::counts_steps) lists.steps = slice(steps_);
    return lists;
  }

  /// Adds 1 to a step counter. Bypasses the dispatcher on the CPU, unless steps can be captured.
  static void count(const ParameterGroup<Rule>& group, const at::Tensor& step) {
    if (step.is_cpu() && !group.lr_.defined()) {
      *static_cast<float*>(step.mutable_data_ptr()) += 1.0F;
    } else {
      step.add_(1);
    }
  }

  static void update(const ParameterGroup<Rule>& group, const Lists& lists, bool first, const StepScaling& scaling) {
    if constexpr (Rule::counts_steps) {
      if (group.shares_step_) {
        count(group, lists.steps[0]);
      } else {
        at::_foreach_add_(lists.steps, 1);
      }
    }
    if constexpr (TakesLrTensor<Rule>) {
      group.lr_.defined() ? group.settings.apply(lists, first, scaling, group.lr_)
                          : group.settings.apply(lists, first, scaling);
    } else {
      group.settings.apply(lists, first, scaling);
    }
    if constexpr (Rule::counts_steps) {
      if (scaling.found_inf) {
        for (const auto& step : group.shares_step_ ? lists.steps.slice(0, 1) : lists.steps)
          step.sub_(*scaling.found_inf);
      }
    }
    // The kernels do not update version counters, which autograd needs to detect writes to saved tensors.
    for (const auto& parameter : lists.parameters) parameter.unsafeGetTensorImpl()->bump_version();
  }

  bool is_fresh(const ParameterGroup<Rule>& group, std::size_t index) const {
    for (std::size_t f = 0; f < num_fields; ++f) {
      if (group.settings.uses(f) && !state_[f][index].defined()) return true;
    }
    return false;
  }

  // Updates the parameters that have a gradient, in a group where a gradient or state is missing: first the parameters
  // with state, then the parameters whose state is created by this update.
  [[gnu::noinline]] void update_selected(ParameterGroup<Rule>& group, const StepScaling& scaling) {
    if (gradients_.size() == parameters_.size()) {
      present_.resize(parameters_.size());
      std::iota(present_.begin(), present_.end(), std::size_t{0});
    }
    const auto place_of = [&](std::size_t index) {
      return static_cast<std::size_t>(std::lower_bound(present_.begin(), present_.end(), index) - present_.begin());
    };
    const std::size_t from = place_of(group.first_), to = place_of(group.first_ + group.size_);
    const bool overflowed = scaling.found_inf && !has_all_state(group) && first_update_differs(group.settings) &&
                            scaling.found_inf->item<float>() != 0.0F;
    fresh_.clear();
    for (std::size_t k = from; k < to; ++k) fresh_.push_back(is_fresh(group, present_[k]));
    for (const bool fresh : {false, true}) {
      clear(scratch_);
      const auto count = static_cast<std::size_t>(std::count(fresh_.begin(), fresh_.end(), fresh));
      if (count == 0 || (fresh && overflowed)) continue;
      if (count != group.size_) separate_steps(group);
      for (std::size_t k = from; k < to; ++k) {
        if (fresh_[k - from] == fresh) select(group, k);
      }
      Lists lists{scratch_.parameters, scratch_.gradients, {}, scratch_.steps};
      for (std::size_t f = 0; f < num_fields; ++f) lists.state[f] = scratch_.state[f];
      update(group, lists, fresh, scaling);
    }
    clear(scratch_);
    note_kept(group);
  }

  void select(ParameterGroup<Rule>& group, std::size_t k) {
    const std::size_t i = present_[k];
    scratch_.parameters.push_back(parameters_[i]);
    scratch_.gradients.push_back(gradients_[k]);
    for (std::size_t f = 0; f < num_fields; ++f) {
      if (!group.settings.uses(f)) continue;
      if (!state_[f][i].defined()) {
        state_[f][i] = at::zeros_like(parameters_[i]);
        ++layout_version_;
      }
      scratch_.state[f].push_back(state_[f][i]);
    }
    if constexpr (Rule::counts_steps) {
      if (!steps_[i].defined()) {
        ++layout_version_;
        steps_[i] = group.shares_step_ && i != group.first_ ? steps_[group.first_] : new_step(i);
      }
      scratch_.steps.push_back(steps_[i]);
    }
  }

  static void clear(Scratch& scratch) {
    scratch.parameters.clear();
    scratch.gradients.clear();
    scratch.steps.clear();
    for (auto& field : scratch.state) field.clear();
  }

  at::Tensor new_step(std::size_t index) const {
    return at::zeros({}, at::TensorOptions().dtype(at::kFloat).device(parameters_[index].device()));
  }

  void note_kept(ParameterGroup<Rule>& group) const {
    for (std::size_t f = 0; f < num_fields; ++f) {
      const auto begin = state_[f].begin() + static_cast<std::ptrdiff_t>(group.first_);
      group.kept_[f] = std::all_of(begin, begin + static_cast<std::ptrdiff_t>(group.size_),
                                   [](const at::Tensor& tensor) { return tensor.defined(); });
    }
  }

  std::span<at::Tensor> steps_of(const ParameterGroup<Rule>& group) {
    return std::span(steps_).subspan(group.first_, group.size_);
  }

  void separate_steps(ParameterGroup<Rule>& group) {
    if constexpr (Rule::counts_steps) {
      if (!std::exchange(group.shares_step_, false)) return;
      ++layout_version_;
      for (auto& step : steps_of(group)) {
        if (step.defined()) step = step.clone();
      }
    }
  }

  // Returns whether the group's step counters are equal, or all undefined. Equal counters become one shared tensor.
  bool share_equal_steps(const ParameterGroup<Rule>& group) {
    if constexpr (!Rule::counts_steps) {
      return true;
    } else {
      const auto steps = steps_of(group);
      const auto is_defined = [](const at::Tensor& step) { return step.defined(); };
      if (std::none_of(steps.begin(), steps.end(), is_defined)) return true;
      if (!std::all_of(steps.begin(), steps.end(), is_defined)) return false;
      const auto number = [](const at::Tensor& step) { return step.item<float>(); };
      const auto is_equal = [&](const at::Tensor& step) { return number(step) == number(steps.front()); };
      if (!std::all_of(steps.begin(), steps.end(), is_equal)) return false;
      std::fill(steps.begin() + 1, steps.end(), steps.front());
      return true;
    }
  }

  std::vector<std::string> names_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> gradients_;  // the defined gradients
  std::vector<std::size_t> present_;   // their indices in `parameters_`, if some are missing
  std::array<std::vector<at::Tensor>, num_fields> state_;
  std::vector<at::Tensor> steps_;
  std::vector<ParameterGroup<Rule>> groups_;
  Scratch scratch_;
  std::vector<bool> fresh_;
  std::int64_t num_updates_ = 0;
  std::int64_t layout_version_ = 0;
  bool collected_ = false;
};

template <OptimizerRule Rule>
FusedOptimizer(NamedParameters, Rule) -> FusedOptimizer<Rule>;

}  // namespace hone
