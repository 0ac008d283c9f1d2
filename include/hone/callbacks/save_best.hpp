// SPDX-License-Identifier: Apache-2.0
/// A checkpoint of the best model of a run.
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
#include "hone/core/format_message.hpp"

namespace hone {

/// At the end of each epoch with a new best value of the metric, writes a checkpoint; when the run ends, loads the best
/// checkpoint. For a metric of evaluations within an epoch, such as `intermediate_eval_loss`, also writes when such an
/// evaluation ends. The checkpoint also contains `metric_name`, `metric_value`, and `epoch`.
///
/// The first value is the initial best value, and a strictly better value replaces it. NaN, and an infinite value in
/// the wrong direction, are never the best. A value counts only if no update followed it, so that it belongs to the
/// saved weights. An epoch that records no value of the metric does not count. Only a checkpoint that this run saved is
/// loaded, without the position in the learning rate schedule. A `fast_dev_run` writes nothing. With several ranks, the
/// value that rank 0 recorded is used; rank 0 writes, and all ranks load.
///
/// As a callback of an average (`ModelEma`, `Swa`), it saves the averaged weights, and a metric of evaluations refers to
/// the averaged weights too: `eval_loss_epoch` means `ema_model_eval_loss_epoch`. It writes for each new best value, or,
/// if the average is not evaluated, at the end of every epoch. It loads the checkpoint only if `load_saved_checkpoint`
/// is true.
///
/// If an average puts its weights into the model at the end of the run (`Swa`, or `ModelEma` with `apply_at_end`), the
/// model keeps them, whether `SaveBest` is before or after it. Set `load_saved_checkpoint` to true, and put `SaveBest`
/// after the average, to replace them with the best checkpoint.
///
/// **Errors** `DataError` when the file cannot be written (see `on_error`), or when the file at the end of the run is
/// not the file that the run wrote. `std::invalid_argument`: when a run starts, for an evaluation metric in a run
/// without evaluation data; at the end of the first epoch after which an evaluation is due, for any other metric that
/// was never recorded (of evaluations within epochs: after the first such evaluation, or after the last epoch).
/// **Example** `hone::SaveBest{.save_path = "best.pt", .watch_metric = "eval_accuracy_epoch", .greater_is_better =
/// true}`
struct SaveBest {
  static constexpr bool needs_run = true;
  static constexpr bool is_collective = true;  ///< Writing and loading a checkpoint involve all ranks.

  std::filesystem::path save_path = "best_model.pt";
  std::string watch_metric = "eval_loss_epoch";  ///< A name in the run's history.
  bool greater_is_better = false;
  bool reset_on_train = true;  ///< Reset the best value when a run starts; otherwise the next run has to improve on it.
  bool save_optimizer = true;  ///< Include the state of the optimizer.
  bool save_scheduler = true;  ///< Include the position in the schedule, if there is one.
  /// Load the best checkpoint when the run ends. If empty: true, but false as a callback of an average, and if an
  /// average is in the model.
  std::optional<bool> load_saved_checkpoint{};
  SaveError on_error = SaveError::stop;  ///< The reaction to a checkpoint that cannot be written.
  bool verbose = false;                  ///< Print each checkpoint that is saved or loaded.
  std::FILE* output = stdout;            ///< The stream for this output and for warnings.

  /// The state between epochs.
  struct State {
    std::optional<double> best{};
    std::int64_t best_epoch = 0;
    bool has_saved = false;  ///< True if this run wrote a checkpoint.

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
    if (is_watching) detail::require_capturable(event.run, watch_metric, "SaveBest::watch_metric");
    if (reset_on_train) state = {};
    state.has_saved = false;
  }

  void on_training_run_epoch_end(const auto& event) {
    if constexpr (requires { event.average_is_evaluated; }) {
      if (!event.average_is_evaluated) return save(event, std::nullopt);
    }
    save_if_better(event, event.trainer.on_rank_zero([&] {
      return detail::value_of_weights(event.run, detail::watched_name(event, watch_metric), "SaveBest::watch_metric");
    }));
  }

  void on_eval_epoch_end(const auto& event) {
    if (event.run.phase() != Phase::intermediate_eval) return;
    save_if_better(event, event.trainer.on_rank_zero([&]() -> std::optional<double> {
      const auto values = event.run.history().values(watch_metric);
      if (values.empty() || values.back().phase != Phase::intermediate_eval) return std::nullopt;
      return detail::is_of_present_weights(event.run, values.back()) ? std::optional(values.back().value)
                                                                     : std::nullopt;
    }));
  }

  void on_training_run_end(const auto& event) {
    constexpr bool is_of_average = requires { event.average_is_evaluated; };
    if (!load_saved_checkpoint.value_or(!is_of_average && !event.run.has_averaged_model()) || !state.has_saved) return;
    const auto saved =
        event.trainer.load_checkpoint(save_path, {.load_optimizer = save_optimizer, .load_scheduler = false});
    const auto* epoch = saved.find("epoch");
    const auto* value = saved.find("metric_value");
    if (epoch == nullptr || epoch->number() != static_cast<double>(state.best_epoch) ||
        (state.best && (value == nullptr || value->number() != *state.best))) {
      throw DataError(format_message(
          "{} is not the checkpoint that this run saved in epoch {}{}: another program or run has overwritten it, and "
          "its weights are loaded now. Set SaveBest::save_path to a separate file for each run.",
          {save_path.string(), state.best_epoch,
           state.best ? format_message(" ({} = {})", {watch_metric, *state.best}) : std::string()}));
    }
    say(event.run, "Loaded");
  }

 private:
  void save_if_better(const auto& event, std::optional<double> value) {
    if (value && detail::is_better(*value, state.best, greater_is_better)) save(event, value);
  }
  /// Writes a checkpoint with `value`, and makes `value` the best value. If the checkpoint cannot be written, the best
  /// value stays, so that the next value that is better than the file's is saved.
  void save(const auto& event, std::optional<double> value) {
    const std::int64_t epoch = event.run.epoch();
    const bool is_dry_run = event.run.config().fast_dev_run;
    const bool is_saved = is_dry_run || detail::try_save(on_error, event.run, output, "SaveBest", [&] {
                            if (value) {
                              event.trainer.save_checkpoint(
                                  save_path, {.save_optimizer = save_optimizer,
                                              .save_scheduler = save_scheduler,
                                              .extra = {{"metric_name", detail::watched_name(event, watch_metric)},
                                                        {"metric_value", *value},
                                                        {"epoch", epoch}}});
                            } else {
                              event.trainer.save_checkpoint(save_path, {.save_optimizer = save_optimizer,
                                                                        .save_scheduler = save_scheduler,
                                                                        .extra = {{"epoch", epoch}}});
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
    const auto value = state.best ? format_message("{} = {} in ", {watch_metric, *state.best}) : std::string();
    detail::put(output, format_message("\n{} {}: {}epoch {}\n", {what, save_path.string(), value, state.best_epoch}));
  }
};

}  // namespace hone
