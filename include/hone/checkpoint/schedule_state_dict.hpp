// SPDX-License-Identifier: Apache-2.0
/// Where a schedule is, in the form in which Python's schedulers take it over and give it.
///
/// To PyTorch a schedule is a function of the update, a `LambdaLR`: the entries are those of its `state_dict`, which
/// the schedulers of `torch.optim.lr_scheduler` that count with `last_epoch` take as well, and `num_updates` and
/// `_num_updates`, which those of pytorch-accelerated count with. Of those, `CosineLrScheduler` asks for its settings
/// too: `CosineLr` gives them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "hone/checkpoint/value.hpp"

namespace hone {

/// The state of a schedule whose value for update `num_updates` is in force in `optimizer`, for the coming update.
/// Settings that a run has yet to fill in are left out.
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

/// The update whose value is in force, in a state of `schedule_state_dict` or of a scheduler of Python.
///
/// **Errors** `DataError` for a state that does not count updates.
[[nodiscard]] std::int64_t scheduled_updates_in(const Value& state);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/schedule_state_dict.ipp"
#endif
