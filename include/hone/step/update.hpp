// SPDX-License-Identifier: Apache-2.0
/// The host work of an optimizer update: resetting the window, counting the update, and advancing the schedule.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <utility>

#include "hone/callbacks/events.hpp"
#include "hone/core/format_message.hpp"
#include "hone/schedule/apply_schedule.hpp"
#include "hone/step/device_step.hpp"
#include "hone/step/dispatch.hpp"
#include "hone/step/untrained.hpp"

namespace hone::detail {

/// True if the current batch completes the accumulation window. `is_last`: this is the last batch of the epoch.
template <class Trainer>
[[nodiscard]] bool update_follows(Trainer& trainer, bool is_last) {
  if constexpr (TraitsOf<Trainer>::accumulates) {
    auto& self = internals(trainer);
    return is_last || self.step.window.size() + 1 == batches_per_update(self);
  } else {
    return true;
  }
}

/// Drops the batches of an open accumulation window and their gradients.
template <class Trainer>
void drop_window(Trainer& trainer) {
  auto& step = internals(trainer).step;
  step.window.reset();
  step.objectives.reset();
  clear_gradients(trainer);
}

template <class Trainer>
void step_schedule(Trainer& trainer) {
  override_or<overrides::scheduler_step>(trainer, [&] { trainer.scheduler_step(); });
}
/// Sets the values of the schedule for the next update if an `OptimizerStep` is being dispatched before that.
template <class Trainer>
void finish_schedule(Trainer& trainer) {
  if (std::exchange(internals(trainer).step.cursor.is_due, false)) step_schedule(trainer);
}

/// Counts an update, dispatches `OptimizerStep` while the optimizer has the learning rates of that update, and then
/// sets the values of the schedule for the next one, also if a handler throws.
template <class Trainer>
void count_update(Trainer& trainer) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  ++self.run.num_updates_;
  if constexpr (T::has_schedule) ++self.step.cursor.updates;
  self.run.history_.set_num_updates(self.run.history_.num_updates() + 1);
  if constexpr (is_handled<typename T::Callbacks, Trainer, OptimizerStep>) {
    self.step.cursor.is_due = true;
    try {
      dispatch(trainer, OptimizerStep{{self.run}});
    } catch (...) {
      finish_schedule(trainer);
      throw;
    }
    finish_schedule(trainer);
  } else {
    step_schedule(trainer);
  }
}

/// Makes a stop that any rank has requested take effect on all ranks. Collective; a no-op for a single process.
template <class Trainer>
void sync_stop(Trainer& trainer) {
  auto& self = internals(trainer);
  self.sync.sync_stop(self.parts.processes, self.run);
}

/// True if a callback handles `BeforeOptimizerStep` with several ranks: it may request a stop on one of them, so the
/// stop is synchronized before the update.
template <class Trainer>
inline constexpr bool syncs_before_update =
    TraitsOf<Trainer>::reduces &&
    (is_handled<typename TraitsOf<Trainer>::Callbacks, Trainer, BeforeOptimizerStep> ||
     is_handled<typename TraitsOf<Trainer>::Callbacks, Trainer, BeforeOptimizerStep, WithClipped<at::Tensor>>);

/// Does the update of a window: unscale, correct, clip, step. Precondition: gradients are averaged over the ranks.
template <class Trainer>
void update(Trainer& trainer) {
  using T = TraitsOf<Trainer>;
  auto& self = internals(trainer);
  if constexpr (ScalesLoss<typename T::Precision>) unscale(trainer);
  if constexpr (T::weighs) correct_window(trainer, self.step.window);
  self.step.window.reset();
  clip(trainer);
  if constexpr (syncs_before_update<Trainer>) sync_stop(trainer);
  if (self.run.stops_before_update()) [[unlikely]]
    return drop_window(trainer);
  step_optimizer(trainer);
  count_update(trainer);
}

/// Does the update, unless any rank requests a stop before it: then drops the window. Collective.
template <class Trainer>
void synced_update(Trainer& trainer) {
  auto& self = internals(trainer);
  self.sync.end(self.parts.processes, self.run) ? update(trainer) : drop_window(trainer);
}

/// Throws `std::invalid_argument` if a loaded checkpoint is at or after the end of the schedule for a run of this
/// length: the run would train with the last learning rate, or not at all.
template <class Trainer>
void require_schedule_left([[maybe_unused]] Trainer& trainer, [[maybe_unused]] const RunLength& length) {
  if constexpr (TraitsOf<Trainer>::has_schedule) {
    auto& self = internals(trainer);
    const auto& cursor = self.step.cursor;
    if (cursor.continued == 0 || !length.num_updates) return;
    if (cursor.continued < *length.num_updates || !depends_on_length(self.parts.schedule, length)) return;
    throw std::invalid_argument(
        format_message("The schedule has ended: the loaded checkpoint is at update {}, and the schedule of this run "
                       "ends at update {}. Restart it with load_checkpoint(path, {}) or "
                       "trainer.restart_schedule(), or train for more epochs.",
                       {cursor.continued, *length.num_updates, "{.load_scheduler = false}"}));
  }
}

/// Moves the schedule to an update and sets its values. This is not a step of the schedule, so it does not call the
/// override `scheduler_step`. With that override, keeps the values if the optimizer's state was loaded with them.
template <class Trainer>
void move_schedule(Trainer& trainer, std::int64_t updates, [[maybe_unused]] bool has_values) {
  internals(trainer).step.cursor.updates = updates;
  if constexpr (is_overridden<overrides::scheduler_step, Trainer>) {
    if (has_values) return;
  }
  trainer.scheduler_step();
}
/// Makes the next start of the schedule begin at this update. `has_values`: the optimizer's state was loaded.
template <class Trainer>
void continue_schedule(Trainer& trainer, std::int64_t updates, bool has_values) {
  auto& cursor = internals(trainer).step.cursor;
  cursor.continued = updates;
  cursor.has_values = has_values;
  cursor.started = false;
}
template <class Trainer>
void start_schedule([[maybe_unused]] Trainer& trainer, [[maybe_unused]] const RunLength& length) {
  if constexpr (TraitsOf<Trainer>::has_schedule) {
    auto& self = internals(trainer);
    self.step.schedule.emplace(resolve_schedule(self.parts.schedule, length));
    auto& cursor = self.step.cursor;
    cursor.started = true;
    move_schedule(trainer, std::exchange(cursor.continued, 0), std::exchange(cursor.has_values, false));
  }
}

/// Prints a warning, once and on rank 0, if parameters require a gradient but are not in the optimizer.
template <class Trainer>
[[gnu::noinline]] void warn_of_untrained(Trainer& trainer) {
  auto& self = internals(trainer);
  self.step.has_looked_for_untrained = true;
  if (self.step.has_warned_of_untrained || self.parts.processes.rank() != 0) return;
  self.step.has_warned_of_untrained =
      warn_of_untrained_parameters(self.parts.trained_modules().named_parameters(), self.parts.optimizer);
}

}  // namespace hone::detail
