// SPDX-License-Identifier: Apache-2.0
/// Trial runs: updates that are undone afterwards, for the finders of learning rates and batch sizes.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/callbacks/run.hpp"
#include "hone/checkpoint/archive.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/epoch_scope.hpp"
#include "hone/data/loader.hpp"
#include "hone/state/training_state.hpp"
#include "hone/step/activity.hpp"
#include "hone/step/device_errors.hpp"
#include "hone/step/guards.hpp"
#include "hone/step/host_step.hpp"
#include "hone/step/lockstep.hpp"
#include "hone/step/model.hpp"
#include "hone/trainer/invalid_trainer.hpp"
#include "hone/trainer/run_options.hpp"
#include "hone/trainer/train_loop.hpp"

namespace hone {
/// Options of `trial_run`.
///
/// **Units** num_updates: optimizer updates, over several passes through the data if necessary; per_device_batch_size:
/// samples; num_threads: threads of LibTorch's operators, 0 changes nothing.
/// **Errors** `std::invalid_argument` for values out of range.
struct TrialRunOptions {
  std::int64_t num_updates = 1;
  std::optional<std::int64_t> per_device_batch_size = {};  ///< Default 8. Like the next two, an error for a range.
  std::optional<bool> shuffle = {};                        ///< Default true.
  std::optional<bool> drop_last = {};                      ///< Default false.
  std::optional<std::uint64_t> seed = {};                  ///< Of the order of the data; drawn by default.
  int num_threads = 0;

  /// Throws `std::invalid_argument` if an option for the loader is set.
  void require_none_of_loader() const {
    detail::require_not_given("per_device_batch_size", per_device_batch_size);
    detail::require_not_given("shuffle", shuffle);
    detail::require_not_given("drop_last", drop_last);
  }

  /// Throws `std::invalid_argument` for values out of range.
  void check() const {
    detail::require_at_least("num_updates", num_updates, 1);
    detail::require_at_least("per_device_batch_size", per_device_batch_size, 1);
    detail::require_at_least("num_threads", num_threads, 0);
  }
};

namespace detail {

/// The state that a trial run restores. A training state alone is not enough, because loading one clears all gradients
/// and does not restore the configuration of the run.
template <class T>
struct BeforeTrial {
  Dict state;
  Run run;
  ScheduleCursor cursor;
  typename T::Schedule schedule;
  std::vector<double> lrs;
  std::vector<at::Tensor> parameters;
  std::vector<std::pair<at::Tensor, at::Tensor>> gradients;
};

template <class Trainer>
[[nodiscard]] auto state_before_trial(Trainer& trainer) {
  auto& self = internals(trainer);
  auto& optimizer = self.parts.optimizer;
  BeforeTrial<TraitsOf<Trainer>> before{.state = cloned(make_training_state(trainer, {}), c10::kCPU),
                                        .run = self.run,
                                        .cursor = self.step.cursor,
                                        .schedule = *self.step.schedule,
                                        .lrs = {},
                                        .parameters = {},
                                        .gradients = {}};
  for (std::size_t group = 0; group < optimizer.num_groups(); ++group) before.lrs.push_back(optimizer.lr(group));
  for (const auto& [name, parameter] : self.parts.trained_modules().named_parameters()) {
    before.parameters.push_back(parameter);
  }
  for (const at::Tensor& parameter : optimizer.parameters()) before.parameters.push_back(parameter);
  for (const auto& parameter : before.parameters) {  // moved out, not copied
    if (auto& gradient = parameter.mutable_grad(); gradient.defined()) {
      before.gradients.emplace_back(parameter, std::exchange(gradient, at::Tensor()));
    }
  }
  return before;
}

template <class Trainer>
void undo_trial(Trainer& trainer, const BeforeTrial<TraitsOf<Trainer>>& before) {
  auto& self = internals(trainer);
  load_training_state(trainer, before.state);
  for (std::size_t group = 0; group < before.lrs.size(); ++group) self.parts.optimizer.set_lr(group, before.lrs[group]);
  for (const auto& parameter : before.parameters) parameter.mutable_grad().reset();
  for (const auto& [parameter, gradient] : before.gradients) parameter.mutable_grad() = gradient;
  static_cast<Run&>(self.run) = before.run;
  self.step.cursor = before.cursor;
  self.step.schedule.emplace(before.schedule);
}

/// A run so long that a schedule stays near its beginning.
inline constexpr RunLength long_run{.num_updates = 1'000'000,
                                    .num_updates_per_epoch = 1'000,
                                    .num_epochs = 1'000,
                                    .num_train_batches_per_epoch = 1'000,
                                    .num_eval_batches_per_epoch = 1'000};

template <class Trainer>
void make_trial_updates(Trainer& trainer, auto& dataset, const TrialRunOptions& options, auto& before, auto& after) {
  auto& self = internals(trainer);
  auto& parts = self.parts;
  start_schedule(trainer, long_run);
  decltype(auto) batches = train_loader(trainer, dataset,
                                        {.batch_size = options.per_device_batch_size.value_or(default_batch_size),
                                         .shuffle = options.shuffle.value_or(true),
                                         .drop_last = options.drop_last.value_or(false),
                                         .seed = options.seed ? *options.seed : common_seed(trainer),
                                         .share = trainer.data_shard()});
  require_share(batches, trainer.data_shard());
  override_or<overrides::train_epoch_start>(trainer, [&] { trainer.train_epoch_start(); });
  std::int64_t update = 0, in_window = 0;
  for (std::int64_t epoch = 0;; ++epoch) {
    const EpochScope scope(epoch);
    set_epoch(batches, epoch);
    bool is_empty = true;
    auto&& arriving = parts.transfer.over(batches, parts.device);
    for (auto&& batch : lockstep(arriving, parts.processes, batch_count(batches).has_value())) {
      is_empty = false;
      if (in_window == 0) {
        self.step.train_loss.reset();
        before(std::as_const(update));
      }
      train_step(trainer, batch, /*is_last=*/false);
      if (++in_window < parts.accumulation.num_batches_per_update()) continue;
      in_window = 0;
      if (!after(std::as_const(update), self.step.train_loss.mean(parts.processes))) return;
      if (++update == options.num_updates) return;
    }
    if (is_empty) {
      throw DataError(format_message(
          "The data loader returned no batch in pass {}, after {} of {} updates. Pass data; a single-pass "
          "range must contain enough batches for all updates.",
          {epoch + 1, update, options.num_updates}));
    }
  }
}

}  // namespace detail

/// Makes updates as training does, and then restores the trainer, also after an exception: weights and buffers of model
/// and loss, the optimizer, gradients, an open accumulation window, the position of the schedule, random generators,
/// modes, the history, policies and overrides with `serialize`. Calls no callback. The schedule is resolved for a run
/// of 1,000,000 updates, so it stays near its beginning. Collective.
///
/// Calls `before(update)` before each update, where 0 is the first; it may set learning rates. Calls
/// `after(update, loss)` after each update, with the mean loss over its samples on all ranks, computed with the weights
/// before it. Ends early when `after` returns false.
///
/// **Cost** a copy of weights and optimizer state in host memory; one host synchronization per update.
/// **Errors** `std::logic_error` within a run; as `Trainer::step`; at compile time for a model or an optimizer that
/// cannot be saved.
template <class Trainer, class Dataset, class Before, class After>
void trial_run(Trainer& trainer, Dataset&& dataset, const TrialRunOptions& options, Before before, After after) {
  using Overrides = typename Trainer::Traits::Overrides;
  options.check();
  detail::require_trainable(trainer);
  if constexpr (YieldsBatches<Dataset> && !overrides::create_train_dataloader::named<Overrides>) {
    options.require_none_of_loader();
  }
  auto& self = detail::internals(trainer);
  auto& parts = self.parts;
  if (!self.activity.is_idle()) {
    refuse_call("trial_run", self.activity, "Call it, or the finder that calls it, before the run.");
  }
  const FlagGuard activity(self.activity.trains);
  const FlagGuard trial(self.is_trial);
  const ModeGuard mode(parts.model);
  const ThreadGuard threads(options.num_threads);
  [[maybe_unused]] const auto denormals = parts.denormals.over_run();
  [[maybe_unused]] const auto current = device_scope(parts.device);
  [[maybe_unused]] const auto precision = parts.precision_scope();
  const at::AutoGradMode gradients(true);
  const FlagGuard silence(self.is_silent);
  const auto memory = detail::state_before_trial(trainer);
  try {
    detail::drop_window(trainer);
    static_cast<Run&>(self.run) = Run();  // a stop of the earlier run would drop every batch
    with_device_errors(parts.device.device(),
                       [&] { detail::make_trial_updates(trainer, dataset, options, before, after); });
  } catch (...) {
    as_far_as_possible([&] { detail::undo_trial(trainer, memory); });
    throw;
  }
  detail::undo_trial(trainer, memory);
}
template <detail::InvalidTrainer Trainer, class Dataset, class Before, class After>  // an error explains it already
void trial_run(Trainer&, Dataset&&, const TrialRunOptions&, Before, After);

}  // namespace hone
