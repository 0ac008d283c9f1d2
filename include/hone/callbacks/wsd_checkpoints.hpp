// SPDX-License-Identifier: Apache-2.0
/// Checkpoints around the decays of a warm-up-stable-decay schedule.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/callbacks/save_error.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

namespace detail {

template <class Trainer>
struct schedule_without_phases {
  static_assert(sizeof(Trainer) == 0, "hone: WsdCheckpoints requires a schedule with phases. Use hone::WsdLr.");
};

}  // namespace detail

/// Writes a training state where each decay begins, `checkpoint_90_wsd_pre_decay.pt`, from which a longer run continues
/// at the stable rate, and a checkpoint where the decay ends, `checkpoint_100_wsd_post_decay.pt`, which contains the
/// model for use. Both also contain `step`, `checkpoint_type`, `total_steps`, and `decay_fraction`. A `fast_dev_run`
/// writes nothing.
///
/// To continue from before a decay without the decay, use the same trainer with a larger `WsdLr::total_updates` and
/// `trainer.resume(".../checkpoint_90_wsd_pre_decay.pt", train_set)`. To continue from after a decay, use
/// `load_checkpoint` with `.load_scheduler = false`, then a run with `WsdLr{.is_continuation = true}`.
///
/// **Units** the numbers in the names: updates of the schedule.
/// **Errors** `DataError` when a file cannot be written (see `on_error`). At compile time, one message, for a schedule
/// without phases.
/// **Source** K. Wen et al., "Understanding Warmup-Stable-Decay Learning Rates: A River Valley Loss Landscape
/// Perspective", 2024.
struct WsdCheckpoints {
  static constexpr bool needs_run = true;
  static constexpr bool is_collective = true;  ///< Writing a checkpoint involves all ranks.

  std::filesystem::path save_dir = "checkpoints";  ///< The directory of the files.
  bool save_optimizer = true;                      ///< Include the optimizer's state in the post-decay checkpoint.
  bool save_scheduler = true;            ///< Include the position in the schedule in the post-decay checkpoint.
  SaveError on_error = SaveError::stop;  ///< The reaction to a file that cannot be written.
  bool verbose = false;                  ///< Print each file that is saved.
  std::FILE* output = stdout;            ///< The stream for this output and for warnings.

  /// The update of the schedule at the last check.
  struct State {
    std::int64_t num_updates = 0;
    void serialize(auto& archive) { archive("num_updates", num_updates); }
  };
  State state{};

  void on_training_run_start(const auto& event) { state.num_updates = event.trainer.scheduled_updates(); }

  void on_resume_point(const auto& event) {
    auto& trainer = event.trainer;
    if constexpr (requires { trainer.active_schedule().phase(std::int64_t{}).pre_decay_update; }) {
      const auto n = trainer.scheduled_updates();
      if (std::exchange(state.num_updates, n) == n) return;
      if (event.run.config().fast_dev_run) return;
      const auto phase = trainer.active_schedule().phase(n);
      const auto path = [&](const char* type) { return save_dir / format_message("checkpoint_{}_{}.pt", {n, type}); };
      const auto fraction =
          phase.period_end == phase.period_start
              ? 0.0
              : static_cast<double>(phase.decay_updates) / static_cast<double>(phase.period_end - phase.period_start);
      const auto total = trainer.active_schedule().total_updates.count();
      if (n == phase.period_end) {
        const auto* const type = "wsd_post_decay";
        save(event.run, path(type), [&] {
          trainer.save_checkpoint(
              path(type),
              {.save_optimizer = save_optimizer,
               .save_scheduler = save_scheduler,
               .extra = {
                   {"step", n}, {"checkpoint_type", type}, {"total_steps", total}, {"decay_fraction", fraction}}});
        });
      } else if (n == phase.pre_decay_update) {
        const auto* const type = "wsd_pre_decay";
        save(event.run, path(type), [&] {
          trainer.save_training_state(
              path(type),
              {{"step", n}, {"checkpoint_type", type}, {"total_steps", total}, {"decay_fraction", fraction}});
        });
      }
    } else {
      static_cast<void>(sizeof(detail::schedule_without_phases<std::remove_cvref_t<decltype(trainer)>>));
    }
  }

 private:
  void save(const Run& run, const std::filesystem::path& path, const auto& write) const {
    const bool is_saved = detail::try_save(on_error, run, output, "WsdCheckpoints", write);
    if (is_saved && verbose && run.is_world_process_zero())
      detail::put(output, format_message("\nSaved {}\n", {path.string()}));
  }
};

}  // namespace hone
