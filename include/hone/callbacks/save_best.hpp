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
/// the run is over. The checkpoint also holds `metric_name`, `metric_value` and `epoch`.
///
/// The first number is the best so far, and only a strictly better one takes its place; NaN never does. An epoch that
/// records no value of the metric does not count. What is loaded is only ever what this run saved, and of the optimizer
/// its state, not the place of its schedule. In a fast development run nothing is written. With many processes, what
/// rank 0 recorded counts; rank 0 writes, and all load.
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
  bool reset_on_train = true;            ///< Forget the best value when a run starts; else the next run has to beat it.
  bool save_optimizer = true;            ///< Its state too.
  bool save_scheduler = true;            ///< The place of the schedule too, where there is one.
  bool load_saved_checkpoint = true;     ///< When the run is over, go back to the best model.
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

  void on_training_run_start(const TrainingRunStart& event) {
    detail::require_recordable(event.run, watch_metric, "SaveBest::watch_metric");
    if (reset_on_train) state = {};
    state.has_saved = false;
  }

  void on_training_run_epoch_end(const auto& event) {
    const auto value = detail::shared_value_of_epoch(event.trainer, event.run, watch_metric, "SaveBest::watch_metric");
    if (!value || !detail::is_better(*value, state.best, greater_is_better)) return;
    const std::int64_t epoch = event.run.epoch();
    const bool is_dry_run = event.run.config().fast_dev_run;
    // A value whose checkpoint could not be written is not the best: a later one that beats the file is saved.
    const bool is_saved =
        is_dry_run || detail::try_save(on_error, event.run, output, "SaveBest", [&] {
          event.trainer.save_checkpoint(
              save_path, {.save_optimizer = save_optimizer,
                          .save_scheduler = save_scheduler,
                          .extra = {{"metric_name", watch_metric}, {"metric_value", *value}, {"epoch", epoch}}});
        });
    if (!is_saved) return;
    state.best = value;
    state.best_epoch = epoch;
    if (is_dry_run) return;
    state.has_saved = true;
    say(event.run, "Saved");
  }

  void on_training_run_end(const auto& event) {
    if (!load_saved_checkpoint || !state.has_saved) return;
    const auto saved =
        event.trainer.load_checkpoint(save_path, {.load_optimizer = save_optimizer, .load_scheduler = false});
    const auto* epoch = saved.find("epoch");
    const auto* value = saved.find("metric_value");
    if (epoch == nullptr || value == nullptr || epoch->number() != static_cast<double>(state.best_epoch) ||
        value->number() != *state.best) {
      throw DataError(sentence(
          "{} is not the checkpoint that this run saved in epoch {} ({} = {}): something else has written it, and it "
          "has been loaded. Give each run a file of its own.",
          {save_path.string(), state.best_epoch, watch_metric, *state.best}));
    }
    say(event.run, "Loaded");
  }

 private:
  void say(const Run& run, const char* what) const {
    if (!verbose || !run.is_world_process_zero()) return;
    detail::put(output, sentence("\n{} {}: {} = {} in epoch {}\n",
                                 {what, save_path.string(), watch_metric, *state.best, state.best_epoch}));
  }
};

}  // namespace hone
