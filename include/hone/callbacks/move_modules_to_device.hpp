// SPDX-License-Identifier: Apache-2.0
/// A callback that moves additional modules to the trainer's device.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/callbacks/events.hpp"
#include "hone/core/fault.hpp"
#include "hone/core/unwrap.hpp"

namespace hone {

namespace detail {

template <class Module>
struct module_by_value {
  static_assert(sizeof(Module) == 0,
                "hone: MoveModulesToDevice would move a copy of a module that is passed by value. Pass its holder, a "
                "smart pointer or std::ref.");
};

template <class Module>
consteval auto fault_of_module() {
  if constexpr (std::is_same_v<UnwrapRef<Module>, Module>) {
    return std::type_identity<module_by_value<Module>>{};
  } else {
    return std::type_identity<NoFault>{};
  }
}

}  // namespace detail

/// Moves modules to the trainer's device when a run starts: modules that overrides, callbacks, or the program use in
/// addition to the model. The trainer itself moves the model and the loss.
///
/// **Errors** at compile time, one message, for a module that is passed by value.
/// **Example** `hone::MoveModulesToDevice{teacher, std::ref(perceptual_loss)}`
template <class... Modules>
class MoveModulesToDevice {
  static_assert((true && ... && detail::without_fault<decltype(detail::fault_of_module<Modules>())>));

 public:
  explicit MoveModulesToDevice(Modules... modules) : modules_(std::move(modules)...) {}

  void on_training_run_start(const TrainingRunStart& event) { move_to(event.run.config().device); }
  void on_evaluation_run_start(const EvaluationRunStart& event) { move_to(event.run.config().device); }
  void on_predict_run_start(const PredictRunStart& event) { move_to(event.run.config().device); }

 private:
  void move_to(const auto& device) {
    std::apply([&](auto&... modules) { (unwrap(modules).to(device), ...); }, modules_);
  }

  std::tuple<Modules...> modules_;
};

}  // namespace hone
