// SPDX-License-Identifier: Apache-2.0
/// Reduction of the learning rate when a metric stops improving.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdio>
#include <string>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/callbacks/watched_metric.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"

namespace hone {

/// A type that decides when to reduce learning rates, such as `ReduceOnPlateau`. `observe(value)` returns true when a
/// reduction is due, and `reduced(lr)` returns the reduced learning rate. The state between values is in `state`, which
/// has `void serialize(auto& archive)` if training states are saved.
template <class P>
concept Plateau = requires(P& plateau, const P& constant, double number) {
  { plateau.observe(number) } -> std::same_as<bool>;
  { constant.reduced(number) } -> std::same_as<double>;
  constant.check();
  plateau.state = {};
};

namespace detail {

template <class Trainer>
struct lr_is_scheduled {
  static_assert(sizeof(Trainer) == 0,
                "hone: ReduceLrOnPlateau cannot be combined with a schedule, which sets the learning rate at each "
                "update. Remove one of the two.");
};

}  // namespace detail

/// At the end of each epoch of a training run, passes the metric to `plateau.observe`, and reduces the learning rates
/// of all parameter groups when that returns true. An epoch that records no value of the metric does not count. With
/// several ranks, all ranks use the value that rank 0 recorded. As a callback of an average, it watches the
/// averaged weights, as `SaveBest` does.
///
/// **Errors** at compile time, one message, when the trainer has a schedule for the learning rate.
/// `std::invalid_argument`: when a run starts, for settings of `plateau` that are out of range, and for an evaluation
/// metric in a run without evaluation data; at the end of the first epoch after which an evaluation is due, for any
/// other metric that was never recorded (of evaluations within epochs: after the first such evaluation, or after the
/// last epoch).
/// **Source** `torch.optim.lr_scheduler.ReduceLROnPlateau`, stepped once an epoch.
/// **Example** `hone::ReduceLrOnPlateau{.plateau = hone::ReduceOnPlateau{.factor = 0.5, .patience = 2}}`
template <Plateau P>
struct ReduceLrOnPlateau {
  static constexpr bool needs_run = true;
  static constexpr bool is_collective = true;  ///< All ranks use the value of rank 0.

  P plateau = {};
  std::string watch_metric = "eval_loss_epoch";  ///< A name in the run's history.
  bool reset_on_train = true;                    ///< Reset the state of `plateau` when a run starts.
  bool verbose = false;                          ///< Print each reduction.
  std::FILE* output = stdout;                    ///< The stream for this output.

  void serialize(auto& archive) {
    static_assert(RemembersState<P>,
                  "hone: the member `state` of this plateau cannot be saved in a training state. Add `void "
                  "serialize(auto& archive)` to its type.");
    serialize_state(archive, "plateau", plateau);
  }

  void on_training_run_start(const TrainingRunStart& event) {
    detail::require_capturable(event.run, watch_metric, "ReduceLrOnPlateau::watch_metric");
    plateau.check();
    if (reset_on_train) plateau.state = {};
  }

  void on_training_run_epoch_end(const auto& event) {
    check_trainer(event.trainer);
    const auto value = detail::shared_value_of_epoch(
        event.trainer, event.run, detail::watched_name(event, watch_metric), "ReduceLrOnPlateau::watch_metric");
    if (!value || !plateau.observe(*value)) return;
    auto& optimizer = event.trainer.optimizer();
    for (std::size_t group = 0; group < optimizer.num_groups(); ++group) {
      const double before = optimizer.lr(group), after = plateau.reduced(before);
      if (after == before) continue;
      optimizer.set_lr(group, after);
      if (verbose && event.run.is_world_process_zero()) {
        detail::put(output, format_message("\nEpoch {}: reducing the learning rate of group {} to {}.\n",
                                           {event.run.epoch(), group, detail::scientific(after, 4)}));
      }
    }
  }

 private:
  template <class Trainer>
  static void check_trainer(const Trainer&) {
    if constexpr (requires { Trainer::schedule_drives_lr; }) {
      if constexpr (Trainer::schedule_drives_lr) static_cast<void>(sizeof(detail::lr_is_scheduled<Trainer>));
    }
  }
};

}  // namespace hone
