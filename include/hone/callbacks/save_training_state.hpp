// SPDX-License-Identifier: Apache-2.0
/// Training states in files, from which an interrupted run resumes.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/callbacks/save_error.hpp"
#include "hone/callbacks/watched_metric.hpp"
#include "hone/core/directory_lock.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/training_state_path.hpp"

namespace hone {

/// Writes training states into a directory, each file atomically: `epoch_3_update_120.pt` after 3 epochs and 120
/// updates. `trainer.resume("training_states", train_set)` resumes from the newest state, and ends with the same result
/// as a run without interruption.
///
/// Keeps the newest `keep_last` states, at least one, and the `keep_best` states with the best value of `watch_metric`,
/// of equal values the oldest states; removes all other states. With `keep_best`, the value is in the file name of a
/// state if no update followed the recording of the value. The files in the directory are counted, so that the limits
/// apply across restarts. A run locks its directory. A directory that another run has locked, or that contains states
/// ahead of the run's start, is an error (see `overwrite`). A `fast_dev_run` writes nothing. With several ranks, rank 0
/// locks and lists the directory, and writes and removes files.
///
/// **Units** save_every_n_updates: optimizer updates of the run, 0 never; save_every_n_epochs: epochs of the run, 0
/// never; keep_last, keep_best: files; 0 for both keeps all.
/// **Errors** when a run starts, `std::invalid_argument` for settings out of range and, with `keep_best`, for an
/// evaluation metric in a run without evaluation data, and at the end of an epoch for any other metric that was never
/// recorded, as in `SaveBest`; when a run starts, `DataError` for a directory that is locked, contains states
/// ahead, or cannot be created. `DataError` when a state cannot be written (see `on_error`).
/// **Example** `hone::SaveTrainingState{.save_every_n_updates = 1000, .keep_last = 2}`
struct SaveTrainingState {
  static constexpr bool needs_run = true;
  static constexpr bool is_collective = true;  ///< Writing a state involves all ranks.

  std::filesystem::path save_dir = "training_states";  ///< The directory of the files.
  std::int64_t save_every_n_updates = 0;
  std::int64_t save_every_n_epochs = 0;
  bool save_at_end = true;  ///< Save a state when the run ends or is stopped, also within an epoch.
  std::int64_t keep_last = 0;
  std::int64_t keep_best = 0;
  std::string watch_metric = "eval_loss_epoch";  ///< A name in the run's history.
  bool greater_is_better = false;                ///< True if larger values of the metric are better.
  bool overwrite = false;                ///< Remove states that are ahead of the run's start, instead of an error.
  SaveError on_error = SaveError::stop;  ///< The reaction to a state that cannot be written.
  bool verbose = false;                  ///< Print each state that is saved or removed.
  std::FILE* output = stdout;            ///< The stream for this output and for warnings.

  /// The state of one run.
  struct State {
    std::shared_ptr<DirectoryLock> lock{};  ///< On rank 0 only.
    std::int64_t num_updates = 0;           ///< The updates at the last resume point.
    bool is_saving = false;                 ///< True within a training run that writes files.
    bool has_ended = false;                 ///< True after the last resume point of the run.
  };
  State state{};

  void on_training_run_start(const auto& event) {
    check();
    if (keep_best > 0) detail::require_capturable(event.run, watch_metric, "SaveTrainingState::watch_metric");
    state = {};
    state.num_updates = event.run.num_updates();
    if (event.run.config().fast_dev_run) return;
    event.trainer.on_rank_zero([&] {
      state.lock = std::make_shared<DirectoryLock>(save_dir);
      refuse_states_ahead_of(event.trainer.place());
      // A process that was killed between a write and the removal left one file too many.
      if (const auto newest = latest_training_state(save_dir)) remove_surplus(*newest);
    });
    state.is_saving = true;
  }

  void on_resume_point(const auto& event) {
    if (!state.is_saving || state.has_ended) return;
    const auto& run = event.run;
    const bool is_update = run.num_updates() != std::exchange(state.num_updates, run.num_updates());
    const bool is_epoch = run.batch() == 0;
    if (keep_best > 0 && is_epoch) {
      event.trainer.on_rank_zero(
          [&] { detail::require_recorded(run, run.epoch() - 1, watch_metric, "SaveTrainingState::watch_metric"); });
    }
    state.has_ended = event.is_last;  // a later event only closes the epoch
    if ((event.is_last && save_at_end) || (is_update && is_multiple(run.num_updates(), save_every_n_updates)) ||
        (is_epoch && is_multiple(run.num_epochs(), save_every_n_epochs))) {
      save(event.trainer, run);
    }
  }

  void on_training_run_end(const TrainingRunEnd&) { state = {}; }
  void on_exception(const ExceptionThrown& event) {
    if (is_of_training(event.run.phase())) state = {};
  }

 private:
  static bool is_multiple(std::int64_t number, std::int64_t of) { return of > 0 && number % of == 0; }

  void check() const;
  void refuse_states_ahead_of(const TrainingProgress& place) const;

  void save(auto& trainer, const Run& run) const {
    std::string name = trainer.place().name();
    const auto recorded = run.history().values(watch_metric);
    const auto epoch = run.epoch() - (run.batch() == 0 ? 1 : 0);  // at the end of an epoch, `run.epoch()` is the next
    if (keep_best > 0 && !run.epoch_was_cut_short() && !recorded.empty() && recorded.back().epoch == epoch &&
        recorded.back().update == run.history().num_updates()) {
      name += format_message("_{}={}", {as_file_name(watch_metric), recorded.back().value});
    }
    const auto path = save_dir / (name + ".pt");
    if (!detail::try_save(on_error, run, output, "SaveTrainingState", [&] { trainer.save_training_state(path); }))
      return;
    if (!run.is_world_process_zero()) return;
    if (verbose) detail::put(output, format_message("\nSaved training state to {}\n", {path.string()}));
    remove_surplus(path);
  }

  void remove_surplus(const std::filesystem::path& newest) const;
  void remove(const std::filesystem::path& path) const;
  /// Returns the value of the watched metric in a file name; empty without a value, and for NaN.
  [[nodiscard]] std::optional<double> value_in(std::string_view stem) const;
  static std::string as_file_name(std::string text);
};

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/callbacks/save_training_state.ipp"
#endif
