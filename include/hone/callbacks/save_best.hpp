// SPDX-License-Identifier: Apache-2.0
/// Keeps the best model that a run has seen.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/callbacks/save_error.hpp"
#include "hone/callbacks/watched_metric.hpp"
#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

/// At the end of each epoch whose metric is better than ever before, writes a checkpoint, and loads the best one when
/// the run is over. Where the metric is of evaluations within an epoch, as `intermediate_eval_loss`, it writes at their
/// end. The checkpoint also holds `metric_name`, `metric_value` and `epoch`.
///
/// The first number is the best so far, and only a strictly better one takes its place; NaN never does, nor does an
/// infinite value on the bad side. A value counts for the weights that it was recorded with: one that later updates of
/// its epoch have left behind does not. An epoch that records no value of the metric does not count. What is loaded is
/// only ever what this run saved, and of the optimizer its state, not the place of its schedule. In a fast development
/// run nothing is written. With many processes, what rank 0 recorded counts; rank 0 writes, and all load.
///
/// Among the callbacks of an average (`ModelEma`, `Swa`) it writes the averaged weights, at the end of each epoch where
/// the average is not evaluated, and loads them only when asked to.
///
/// **Errors** `DataError` when the file cannot be written (see `on_error`), or at the end is no longer the one that was
/// written; `std::invalid_argument` when the run starts for a metric of evaluations in a run without one, and at the
/// end of the first epoch for any other that nothing has recorded.
/// **Example** `hone::SaveBest{.save_path = "best.pt", .watch_metric = "eval_accuracy_epoch", .greater_is_better =
/// true}`
struct SaveBest {
  static constexpr bool needs_run = true;
  static constexpr bool is_collective = true;

  std::filesystem::path save_path = "best_model.pt";
  std::string watch_metric = "eval_loss_epoch";  ///< A name of the run's history.
  bool greater_is_better = false;
  bool reset_on_train = true;  ///< Forget the best value when a run starts; else the next run has to beat it.
  bool save_optimizer = true;  ///< Its state too.
  bool save_scheduler = true;  ///< The place of the schedule too, where there is one.
  /// When the run is over, go back to the best model. Unset: yes, but not to an average.
  std::optional<bool> load_saved_checkpoint{};
  SaveError on_error = SaveError::stop;  ///< When the checkpoint cannot be written.
  bool verbose = false;                  ///< Say what is saved and loaded.
  std::FILE* output = stdout;            ///< Where to say it, and where warnings go.

  /// What it has seen.
  struct State {
    std::optional<double> best{};
    std::int64_t best_epoch = 0;
    bool has_saved = false;  ///< In this run.

    void serialize(auto& archive) {
      archive("best", best);
      archive("best_epoch", best_epoch);
      archive("has_saved", has_saved);
    }
  };
  State state{};

  void on_training_run_start(const auto& event) {
    bool is_watching = true;
    if constexpr (requires { event.average_is_evaluated; }) is_watching = event.average_is_evaluated;
    if (is_watching) detail::require_recordable(event.run, watch_metric, "SaveBest::watch_metric");
    if (reset_on_train) state = {};
    state.has_saved = false;
  }

  void on_training_run_epoch_end(const auto& event) {
    if constexpr (requires { event.average_is_evaluated; }) {
      if (!event.average_is_evaluated) return save(event, std::nullopt);
    }
    save_if_better(event, event.trainer.in_rank_zero([&] {
      return detail::value_of_weights(event.run, watch_metric, "SaveBest::watch_metric");
    }));
  }

  void on_eval_epoch_end(const auto& event) {
    if (event.run.phase() != Phase::intermediate_eval) return;
    save_if_better(event, event.trainer.in_rank_zero([&]() -> std::optional<double> {
      const auto values = event.run.history().values(watch_metric);
      if (values.empty() || values.back().phase != Phase::intermediate_eval) return std::nullopt;
      return detail::is_of_present_weights(event.run, values.back()) ? std::optional(values.back().value)
                                                                     : std::nullopt;
    }));
  }

  void on_training_run_end(const auto& event) {
    constexpr bool is_of_average = requires { event.average_is_evaluated; };
    if (!load_saved_checkpoint.value_or(!is_of_average) || !state.has_saved) return;
    const auto saved =
        event.trainer.load_checkpoint(save_path, {.load_optimizer = save_optimizer, .load_scheduler = false});
    const auto* epoch = saved.find("epoch");
    const auto* value = saved.find("metric_value");
    if (epoch == nullptr || epoch->number() != static_cast<double>(state.best_epoch) ||
        (state.best && (value == nullptr || value->number() != *state.best))) {
      throw DataError(
          sentence("{} is not the checkpoint that this run saved in epoch {}{}: something else has written it, and it "
                   "has been loaded. Give each run a file of its own.",
                   {save_path.string(), state.best_epoch,
                    state.best ? sentence(" ({} = {})", {watch_metric, *state.best}) : std::string()}));
    }
    say(event.run, "Loaded");
  }

 private:
  void save_if_better(const auto& event, std::optional<double> value) {
    if (value && detail::is_better(*value, state.best, greater_is_better)) save(event, value);
  }
  /// Writes a checkpoint with `value`, which is then the best one. A value whose checkpoint could not be written is
  /// not: a later one that beats the file is saved.
  void save(const auto& event, std::optional<double> value) {
    const std::int64_t epoch = event.run.epoch();
    const bool is_dry_run = event.run.config().fast_dev_run;
    const bool is_saved =
        is_dry_run || detail::try_save(on_error, event.run, output, "SaveBest", [&] {
          if (value) {
            event.trainer.save_checkpoint(
                save_path, {.save_optimizer = save_optimizer,
                            .save_scheduler = save_scheduler,
                            .extra = {{"metric_name", watch_metric}, {"metric_value", *value}, {"epoch", epoch}}});
          } else {
            event.trainer.save_checkpoint(
                save_path,
                {.save_optimizer = save_optimizer, .save_scheduler = save_scheduler, .extra = {{"epoch", epoch}}});
          }
        });
    if (!is_saved) return;
    state.best = value;
    state.best_epoch = epoch;
    if (is_dry_run) return;
    state.has_saved = true;
    say(event.run, "Saved");
  }
  void say(const Run& run, const char* what) const {
    if (!verbose || !run.is_world_process_zero()) return;
    const auto value = state.best ? sentence("{} = {} in ", {watch_metric, *state.best}) : std::string();
    detail::put(output, sentence("\n{} {}: {}epoch {}\n", {what, save_path.string(), value, state.best_epoch}));
  }
};

}  // namespace hone
