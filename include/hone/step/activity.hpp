// SPDX-License-Identifier: Apache-2.0
/// Which of a trainer's public functions are on the call stack: a callback may evaluate in the middle of training, but
/// not train.
#pragma once

#include <stdexcept>
#include <string_view>
#include <utility>

#include "hone/core/sentence.hpp"

namespace hone {

/// What a trainer is doing. Several may be true at once: a callback of `train` may call `evaluate`.
struct Activity {
  bool trains = false;     ///< A run of `train` or `begin_run` is open.
  bool evaluates = false;  ///< An evaluation is open, by `evaluate` or within training.
  bool predicts = false;   ///< A run of `predict` is open.
  bool steps = false;      ///< A call of `step` is open.

  [[nodiscard]] bool is_idle() const { return !trains && !evaluates && !predicts && !steps; }
  /// What is open, in the words of the public functions.
  [[nodiscard]] std::string_view name() const {
    return predicts ? "`predict`" : evaluates ? "an evaluation" : steps ? "`step`" : "a training run";
  }
};

/// Sets a flag during its lifetime, such as that an activity is open.
class FlagGuard {
 public:
  explicit FlagGuard(bool& flag) : flag_(flag), before_(std::exchange(flag, true)) {}
  FlagGuard(const FlagGuard&) = delete;
  FlagGuard& operator=(const FlagGuard&) = delete;
  ~FlagGuard() { flag_ = before_; }

 private:
  bool& flag_;
  bool before_;
};

/// **Errors** `std::logic_error`: a call of the trainer's function `function` would disturb what the trainer is doing.
[[noreturn, gnu::cold, gnu::noinline]] inline void refuse_call(std::string_view function, const Activity& activity,
                                                               std::string_view remedy) {
  throw std::logic_error(sentence("`{}` was called inside {} of the same trainer, from a callback or an override. {}",
                                  {function, activity.name(), remedy}));
}

}  // namespace hone
