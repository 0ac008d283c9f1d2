// SPDX-License-Identifier: Apache-2.0
/// The public functions of a trainer that are currently active: a callback may evaluate during training, but not train.
#pragma once

#include <stdexcept>
#include <string_view>
#include <utility>

#include "hone/core/format_message.hpp"

namespace hone {

/// The activities of a trainer. Several can be active at the same time: a callback of `train` may call `evaluate`.
struct Activity {
  bool trains = false;     ///< A run of `train` or `begin_run` is open.
  bool evaluates = false;  ///< An evaluation is open, by `evaluate` or within training.
  bool predicts = false;   ///< A run of `predict` is open.
  bool steps = false;      ///< A call of `step` is open.

  /// True if no activity is open.
  [[nodiscard]] bool is_idle() const { return !trains && !evaluates && !predicts && !steps; }
  /// Returns the name of an active function, for error messages.
  [[nodiscard]] std::string_view name() const {
    return predicts ? "`predict`" : evaluates ? "an evaluation" : steps ? "`step`" : "a training run";
  }
};

/// Sets a flag, such as a member of `Activity`, during its lifetime, and then restores its previous value.
class FlagGuard {
 public:
  explicit FlagGuard(bool& flag) : flag_(flag), before_(std::exchange(flag, true)) {}  ///< Sets the flag.
  FlagGuard(const FlagGuard&) = delete;
  FlagGuard& operator=(const FlagGuard&) = delete;
  ~FlagGuard() { flag_ = before_; }

 private:
  bool& flag_;
  bool before_;
};

/// Throws `std::logic_error`: the trainer's function `function` was called during an activity that excludes it.
[[noreturn, gnu::cold, gnu::noinline]] inline void refuse_call(std::string_view function, const Activity& activity,
                                                               std::string_view remedy) {
  throw std::logic_error(
      format_message("`{}` was called inside {} of the same trainer, from a callback or an override. {}",
                     {function, activity.name(), remedy}));
}

}  // namespace hone
