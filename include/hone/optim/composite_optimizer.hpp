// SPDX-License-Identifier: Apache-2.0
/// A composite of several optimizers with the interface of one optimizer.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/fixed_string.hpp"
#include "hone/core/format_message.hpp"
#include "hone/optim/rule.hpp"

namespace hone {

namespace detail {

/// An optimizer that can skip a step on the device if gradients overflowed.
template <class O>
concept WithScaledStep = requires(O& optimizer, const StepScaling& scaling) { optimizer.step(scaling); };
/// An optimizer that can fill gradients with zeros in place.
template <class O>
concept WithZeroedGradients = requires(O& optimizer) { optimizer.zero_grad(false); };
/// An optimizer whose base values of learning rate schedules can be set.
template <class O>
concept WithSettableBaseLr = requires(O& optimizer, std::size_t group, double lr) { optimizer.set_base_lr(group, lr); };
/// An optimizer that updates master weights: copies of the weights in a wider dtype.
template <class O>
concept WithMasterWeights = requires(O& optimizer, const O& constant) {
  constant.master_weights();
  optimizer.read_weights();
};

}  // namespace detail

/// A named optimizer of a `CompositeOptimizer`.
template <FixedString optimizer_name, class O>
struct NamedOptimizer {
  using optimizer_type = O;
  static constexpr std::string_view name = optimizer_name.view();  ///< The name of the optimizer.
  O optimizer;
};

/// Several optimizers of different parameters, as one optimizer. `step` runs all of them in order, and
/// `collect_gradients` lists the gradients of all of them. The parameter groups are concatenated in the same order. A
/// trainer creates a `CompositeOptimizer` from `Optimizers{...}`.
///
/// **Cost** the cost of the optimizers; `collect_gradients` also copies the list of tensors.
/// **Errors** `std::out_of_range` for a group that does not exist.
/// **Example** `trainer.optimizer().get<"head">().set_lr(1e-3);`
template <class... Named>
class CompositeOptimizer {
 public:
  static constexpr std::size_t num_optimizers = sizeof...(Named);

  explicit CompositeOptimizer(Named... named) : named_(std::move(named)...) {}
  CompositeOptimizer(CompositeOptimizer&&) noexcept = default;
  CompositeOptimizer& operator=(CompositeOptimizer&&) noexcept = default;
  CompositeOptimizer(const CompositeOptimizer&) = delete;
  CompositeOptimizer& operator=(const CompositeOptimizer&) = delete;

  /// The index of the optimizer `name`, in the order of the constructor's arguments.
  template <FixedString name>
  static constexpr std::size_t place_of = [] {
    static_assert((false || ... || (Named::name == name.view())), "hone: none of the optimizers has this name.");
    constexpr bool is_it[] = {(Named::name == name.view())...};
    std::size_t place = 0;
    while (place + 1 < sizeof...(Named) && !is_it[place]) ++place;
    return place;
  }();
  template <FixedString name>
  [[nodiscard]] auto& get() {
    return std::get<place_of<name>>(named_).optimizer;
  }
  template <FixedString name>
  [[nodiscard]] const auto& get() const {
    return std::get<place_of<name>>(named_).optimizer;
  }
  /// Calls `f(name, optimizer)` for each optimizer, in order.
  template <class F>
  void for_each(F&& f) {
    std::apply([&](auto&... named) { (f(named.name, named.optimizer), ...); }, named_);
  }
  template <class F>
  void for_each(F&& f) const {
    std::apply([&](const auto&... named) { (f(named.name, named.optimizer), ...); }, named_);
  }

  at::TensorList collect_gradients() {
    return list_of([](auto& optimizer) { return optimizer.collect_gradients(); });
  }
  at::TensorList gradients() {
    return list_of([](auto& optimizer) { return optimizer.gradients(); });
  }
  void step() {
    for_each_selected([](auto& optimizer) { optimizer.step(); });
  }
  /// Passes `scaling` to all optimizers. `scaling.found_inf` must cover the gradients of all of them: either all
  /// optimizers skip the step, or none does.
  void step(const StepScaling& scaling)
    requires(detail::WithScaledStep<typename Named::optimizer_type> && ...)
  {
    for_each_selected([&](auto& optimizer) { optimizer.step(scaling); });
  }
  void zero_grad() {
    for_each_selected([](auto& optimizer) { optimizer.zero_grad(); });
  }
  void zero_grad(bool set_to_none)
    requires(detail::WithZeroedGradients<typename Named::optimizer_type> && ...)
  {
    for_each_selected([&](auto& optimizer) { optimizer.zero_grad(set_to_none); });
  }

  /// RAII scope that restricts gradients, `step` and `zero_grad` to the optimizer with index `place`. The parameters of
  /// all other optimizers do not require gradients until the destructor runs. Scopes cannot be nested.
  ///
  /// **Cost** one check of each parameter of all other optimizers; no allocation after the first scope, except for
  /// optimizers whose `parameters()` returns a copy of the list (`TorchOptimizer`).
  /// **Source** `toggle_optimizer` of Lightning.
  class Only {
   public:
    /// Selects the optimizer with index `place`.
    Only(CompositeOptimizer& of, std::size_t place) : all_(of), before_(std::exchange(of.selected_, place)) {
      std::size_t other = 0;
      const auto freeze = [&](auto& optimizer) {
        if (other++ == place) return;
        const auto& parameters = optimizer.parameters();
        for (const at::Tensor& parameter : parameters) {
          if (!parameter.requires_grad()) continue;
          parameter.set_requires_grad(false);
          all_.frozen_.push_back(parameter);
        }
      };
      std::apply([&](auto&... named) { (freeze(named.optimizer), ...); }, all_.named_);
    }
    Only(const Only&) = delete;
    Only& operator=(const Only&) = delete;
    ~Only() {
      for (const at::Tensor& parameter : all_.frozen_) parameter.set_requires_grad(true);
      all_.frozen_.clear();
      all_.selected_ = before_;
    }

   private:
    CompositeOptimizer& all_;
    std::size_t before_;
  };

  [[nodiscard]] std::size_t num_groups() const {
    std::size_t count = 0;
    for_each([&](std::string_view, const auto& optimizer) { count += optimizer.num_groups(); });
    return count;
  }
  [[nodiscard]] double base_lr(std::size_t group) const {
    double lr = 0.0;
    visit_group(*this, group, [&](const auto& optimizer, std::size_t own) { lr = optimizer.base_lr(own); });
    return lr;
  }
  /// Sets the base value of schedules for a group.
  void set_base_lr(std::size_t group, double lr)
    requires(detail::WithSettableBaseLr<typename Named::optimizer_type> && ...)
  {
    visit_group(*this, group, [&](auto& optimizer, std::size_t own) { optimizer.set_base_lr(own, lr); });
  }
  [[nodiscard]] double lr(std::size_t group = 0) const {
    double lr = 0.0;
    visit_group(*this, group, [&](const auto& optimizer, std::size_t own) { lr = optimizer.lr(own); });
    return lr;
  }
  void set_lr(std::size_t group, double lr) {
    visit_group(*this, group, [&](auto& optimizer, std::size_t own) { optimizer.set_lr(own, lr); });
  }
  void set_lr(double lr) {
    for_each([&](std::string_view, auto& optimizer) { optimizer.set_lr(lr); });
  }
  /// Calls `f(optimizer, index)` with the optimizer that contains the group `group`, and the group's index in it.
  template <class F>
  void visit_group(std::size_t group, F&& f) {
    visit_group(*this, group, f);
  }

  /// Returns the largest number of updates of any of the optimizers.
  [[nodiscard]] std::int64_t num_updates() const {
    std::int64_t updates = 0;
    for_each([&](std::string_view, const auto& optimizer) { updates = std::max(updates, optimizer.num_updates()); });
    return updates;
  }

  /// Returns the parameters of all optimizers, in order.
  [[nodiscard]] std::vector<at::Tensor> parameters() const {
    return joined_list([](const auto& optimizer) -> decltype(auto) { return optimizer.parameters(); });
  }
  /// Returns the master weights of all optimizers, in the order of `parameters()`.
  [[nodiscard]] std::vector<at::Tensor> master_weights() const
    requires(detail::WithMasterWeights<typename Named::optimizer_type> && ...)
  {
    return joined_list([](const auto& optimizer) { return optimizer.master_weights(); });
  }
  /// Overwrites the master weights of all optimizers with the model's weights.
  void read_weights()
    requires(detail::WithMasterWeights<typename Named::optimizer_type> && ...)
  {
    for_each([](std::string_view, auto& optimizer) { optimizer.read_weights(); });
  }

  /// Returns a composite of the results of `f(optimizer)`, with the same names. Each optimizer is moved into `f`.
  template <class F>
  [[nodiscard]] auto map(F&& f) && {
    return std::apply([&](auto&... named) { return make(mapped(named, f)...); }, named_);
  }

 private:
  static constexpr std::size_t all = num_optimizers;

  template <FixedString name, class O, class F>
  static auto mapped(NamedOptimizer<name, O>& named, F& f) {
    using Mapped = decltype(f(std::move(named.optimizer)));
    return NamedOptimizer<name, Mapped>{f(std::move(named.optimizer))};
  }
  template <class... Others>
  static CompositeOptimizer<Others...> make(Others... others) {
    return CompositeOptimizer<Others...>(std::move(others)...);
  }

  template <class F>
  void for_each_selected(F&& f) {
    std::size_t place = 0;
    const auto if_selected = [&](auto& optimizer) {
      if (selected_ == all || selected_ == place) f(optimizer);
      ++place;
    };
    std::apply([&](auto&... named) { (if_selected(named.optimizer), ...); }, named_);
  }
  template <class F>
  at::TensorList list_of(F&& f) {
    at::TensorList only;
    if (selected_ == all) gradients_.clear();
    for_each_selected([&](auto& optimizer) {
      only = f(optimizer);
      if (selected_ == all) gradients_.insert(gradients_.end(), only.begin(), only.end());
    });
    return selected_ == all ? at::TensorList(gradients_) : only;
  }
  template <class F>
  std::vector<at::Tensor> joined_list(F&& f) const {
    std::vector<at::Tensor> result;
    for_each([&](std::string_view, const auto& optimizer) {
      const auto& list = f(optimizer);
      result.insert(result.end(), list.begin(), list.end());
    });
    return result;
  }

  template <class Self, class F>
  static void visit_group(Self& self, std::size_t group, F&& f) {
    std::size_t first = 0;
    bool is_found = false;
    self.for_each([&](std::string_view, auto& optimizer) {
      const std::size_t count = optimizer.num_groups();
      if (group >= first && group < first + count) {
        is_found = true;
        f(optimizer, group - first);
      }
      first += count;
    });
    if (!is_found) {
      throw std::out_of_range(
          format_message("Parameter group {} is out of range: the optimizers have {} groups.", {group, first}));
    }
  }

  std::tuple<Named...> named_;
  std::vector<at::Tensor> gradients_;
  std::vector<at::Tensor> frozen_;
  std::size_t selected_ = all;
};

}  // namespace hone
