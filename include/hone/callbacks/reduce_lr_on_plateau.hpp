// SPDX-License-Identifier: Apache-2.0
/// Lowers the learning rate when a metric no longer improves.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdio>
#include <string>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/callbacks/watched_metric.hpp"
#include "hone/core/sentence.hpp"
#include "hone/core/serialize.hpp"

namespace hone {

/// What decides on a reduction, such as `ReduceOnPlateau`: it takes values of a metric, says when learning rates are to
/// be reduced, and to what. What it has seen is its `state`.
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
                "hone: ReduceLrOnPlateau lowers the learning rate, and this trainer's schedule sets it at each update. "
                "Keep one of the two.");
};

}  // namespace detail

/// At the end of each epoch of a training run, shows `plateau` the metric, and lowers the learning rates of all
/// parameter groups when it says so. An epoch that records no value of the metric does not count.
///
/// **Errors** at compile time, one sentence, when the trainer has a schedule for the learning rate.
/// `std::invalid_argument` for settings of `plateau` that are out of range and for a metric of evaluations in a run
/// without one, and at the end of the first epoch for any other metric that nothing has recorded. With many processes,
/// what rank 0 recorded counts.
/// **Source** `torch.optim.lr_scheduler.ReduceLROnPlateau`, stepped once an epoch.
/// **Example** `hone::ReduceLrOnPlateau{.plateau = hone::ReduceOnPlateau{.factor = 0.5, .patience = 2}}`
template <Plateau P>
struct ReduceLrOnPlateau {
  static constexpr bool needs_run = true;
  static constexpr bool is_collective = true;

  P plateau = {};
  std::string watch_metric = "eval_loss_epoch";  ///< A name of the run's history.
  bool reset_on_train = true;                    ///< Forget what was seen when a run starts.
  bool verbose = false;                          ///< Say when learning rates are lowered.
  std::FILE* output = stdout;                    ///< Where to say it.

  void serialize(auto& archive) { serialize_state(archive, "plateau", plateau); }

  void on_training_run_start(const TrainingRunStart& event) {
    detail::require_recordable(event.run, watch_metric, "ReduceLrOnPlateau::watch_metric");
    plateau.check();
    if (reset_on_train) plateau.state = {};
  }

  void on_training_run_epoch_end(const auto& event) {
    check_trainer(event.trainer);
    const auto value =
        detail::shared_value_of_epoch(event.trainer, event.run, watch_metric, "ReduceLrOnPlateau::watch_metric");
    if (!value || !plateau.observe(*value)) return;
    auto& optimizer = event.trainer.optimizer();
    for (std::size_t group = 0; group < optimizer.num_groups(); ++group) {
      const double before = optimizer.lr(group), after = plateau.reduced(before);
      if (after == before) continue;
      optimizer.set_lr(group, after);
      if (verbose && event.run.is_world_process_zero()) {
        detail::put(output, sentence("\nEpoch {}: reducing the learning rate of group {} to {}.\n",
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
