// SPDX-License-Identifier: Apache-2.0
/// The state of a learning rate schedule in the format of Python's schedulers.
///
/// To PyTorch, a schedule is a function of the update, a `LambdaLR`. The state has the entries of its `state_dict`,
/// which the schedulers of `torch.optim.lr_scheduler` that count with `last_epoch` also load, and `num_updates` and
/// `_num_updates`, the counters of pytorch-accelerated's schedulers. pytorch-accelerated's `CosineLrScheduler` also
/// requires its settings; `CosineLr` adds them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "hone/checkpoint/value.hpp"

namespace hone {

/// Returns the state of a schedule at update `num_updates`, whose learning rates `optimizer` has. Omits settings in
/// updates that are not resolved yet, because they depend on the run.
template <class Optimizer, class Schedule = None>
[[nodiscard]] Dict schedule_state_dict(const Optimizer& optimizer, std::int64_t num_updates,
                                       const Schedule& schedule = {}) {
  List base_lrs, last_lrs, lambdas;
  for (std::size_t group = 0; group < optimizer.num_groups(); ++group) {
    base_lrs.push_back(optimizer.base_lr(group));
    last_lrs.push_back(optimizer.lr(group));
    lambdas.push_back(None());
  }
  Dict state{{"num_updates", num_updates},      {"_num_updates", num_updates},     {"last_epoch", num_updates},
             {"_step_count", num_updates + 1},  {"base_lrs", std::move(base_lrs)}, {"_last_lr", std::move(last_lrs)},
             {"lr_lambdas", std::move(lambdas)}};
  const auto add = [&state](std::string_view key, const auto& setting) {
    if constexpr (requires { setting.is_number(); }) {  // a count of updates
      if (setting.is_number()) state.set(key, setting.count());
    } else if constexpr (requires { setting.has_value(); }) {
      state.set(key, setting ? Value(*setting) : Value(None()));
    } else {
      state.set(key, setting);
    }
  };
  if constexpr (requires { schedule.for_each_python_setting(add); }) schedule.for_each_python_setting(add);
  return state;
}

/// Returns the update that a state of `schedule_state_dict` or of a Python scheduler is at, 0 for -1: `num_updates`, or
/// `last_epoch` in its absence.
///
/// **Errors** `DataError` for a state with neither, and for a count below -1 or of at least 2^53.
[[nodiscard]] std::int64_t scheduled_updates_in(const Value& state);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/schedule_state_dict.ipp"
#endif
