// SPDX-License-Identifier: Apache-2.0
/// A progress bar of the current epoch, with its rate, its remaining time, and the loss.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

/// Shows the progress of each epoch of training and of each evaluation. On a terminal, redraws one line, which remains
/// when the epoch ends. Otherwise, prints one line at the end of an epoch, and a line within it when `line_interval`
/// and a tenth of its batches, if their number is known, have passed since the last line. Prints on rank 0 only.
///
/// Within an epoch, the loss is the loss of the current batch; at its end, the mean loss.
///
/// **Cost** a few instructions per batch. The clock is read every n-th batch, where n adapts to the duration of batches
/// and is 64 at most. The loss is read, which is a host synchronization on a device, only when a line is drawn.
/// **Example** `epoch 1 train [########            ] 631/1563  loss 0.4121  1240 it/s  0.5 s, 0.8 s left`
struct ProgressBar {
  static constexpr bool needs_run = true;
  std::FILE* output = stderr;                       ///< The stream of the output.
  int width = 20;                                   ///< Characters between the brackets.
  std::chrono::milliseconds min_interval{100};      ///< On a terminal: the minimum time between drawings.
  std::chrono::milliseconds line_interval{10'000};  ///< Otherwise: the minimum time between lines.
  std::string label{};                              ///< The prefix of each line.

  /// The bar of one epoch. `wait` is the number of batches until the clock is read again.
  struct Bar {
    using Clock = std::chrono::steady_clock;
    bool open = false;                    ///< True while the epoch is in progress.
    std::string name{};                   ///< The text before the bar, such as `epoch 1 train`.
    std::optional<std::int64_t> total{};  ///< Batches of the epoch.
    std::int64_t wait = 0;
    std::int64_t stride = 1;         ///< Batches between two readings of the clock.
    std::int64_t batches = 0;        ///< Batches when the clock was last read.
    std::int64_t skipped = 0;        ///< Batches before the first step, if a run resumes within an epoch.
    std::int64_t drawn_batches = 0;  ///< Batches when a line was last drawn.
    /// Times of the start, of the last reading of the clock, of the last line.
    Clock::time_point opened{}, looked{}, drawn{};
    std::optional<double> loss{};  ///< The loss that the next line shows; empty for none.
  };
  /// The bars of training and of an evaluation, which can occur within an epoch of training.
  struct State {
    Bar train{};  ///< The bar of training.
    Bar eval{};   ///< The bar of the evaluation.
    bool on_terminal = false;
  };
  State state{};

  void on_train_epoch_start(const TrainEpochStart& event) {
    open(state.train, event.run, format_message("epoch {} train", {event.run.epoch()}));
  }
  void on_train_step_end(const auto& event) {
    if (--state.train.wait == 0) look(state.train, event);
  }
  void on_train_epoch_end(const TrainEpochEnd& event) { close(state.train, event.loss); }

  void on_eval_epoch_start(const EvalEpochStart& event) {
    const auto phase = event.run.phase();
    open(state.eval, event.run,
         phase == Phase::eval                ? format_message("epoch {} eval", {event.run.epoch()})
         : phase == Phase::intermediate_eval ? format_message("update {} eval", {event.run.num_updates()})
                                             : "evaluation");
  }
  void on_eval_step_end(const auto& event) {
    if (--state.eval.wait == 0) look(state.eval, event);
  }
  void on_eval_epoch_end(const EvalEpochEnd& event) {
    close(state.eval, event.is_complete ? std::optional(event.loss) : std::nullopt);
  }

  // A bar that is still open here belongs to an epoch that was cut short.
  void on_stop_training(const StopTraining&) { close_all(); }
  void on_exception(const ExceptionThrown&) { close_all(); }
  void on_training_run_end(const TrainingRunEnd&) { close_all(); }
  void on_evaluation_run_end(const EvaluationRunEnd&) { close_all(); }

 private:
  static constexpr std::int64_t longest_stride = 64;  // bounds the batches until the bar adapts to slower ones

  void open(Bar& bar, const Run& run, std::string name) {
    const auto now = Bar::Clock::now();
    bar = {};
    bar.open = run.is_world_process_zero();
    if (!bar.open) return;  // `wait` is 0, so that decrements never make it 0
    bar.name = label.empty() ? std::move(name) : format_message("{} {}", {label, name});
    bar.total = run.num_batches();
    bar.opened = bar.looked = bar.drawn = now;
    bar.wait = bar.stride;
    state.on_terminal = isatty(fileno(output)) != 0;
    if (state.on_terminal) detail::put(output, on_one_line(text(bar, 0, now)));
  }

  void look(Bar& bar, const auto& event) {
    const auto now = Bar::Clock::now();
    const auto since = now - std::exchange(bar.looked, now);
    bar.batches += bar.stride;
    bar.skipped = event.run.batch() + 1 - bar.batches;
    if (8 * since < min_interval) {
      bar.stride = std::min(2 * bar.stride, longest_stride);
    } else if (4 * since > min_interval) {
      bar.stride = std::max(bar.stride / 2, std::int64_t{1});
    }
    bar.wait = bar.stride;
    if (!is_due(bar, now)) return;
    bar.loss = event.output.loss.template item<double>();
    bar.drawn = now;
    bar.drawn_batches = bar.batches;
    const auto line = text(bar, bar.batches, now);
    detail::put(output, state.on_terminal ? on_one_line(line) : line + "\n");
  }

  [[nodiscard]] bool is_due(const Bar& bar, Bar::Clock::time_point now) const {
    if (state.on_terminal) return now - bar.drawn >= min_interval;
    const auto& total = bar.total;
    if (total && bar.skipped + bar.batches >= *total) return false;  // `close` prints the last line
    return now - bar.drawn >= line_interval && (!total || 10 * (bar.batches - bar.drawn_batches) >= *total);
  }

  void close(Bar& bar, std::optional<double> mean_loss) {
    if (!std::exchange(bar.open, false)) return;
    const auto batches = bar.batches + bar.stride - bar.wait;
    bar.wait = 0;
    if (mean_loss) bar.loss = mean_loss;
    const auto line = text(bar, batches, Bar::Clock::now(), true);
    detail::put(output, (state.on_terminal ? on_one_line(line) : line) + "\n");
  }
  void close_all() {
    close(state.eval, std::nullopt);
    close(state.train, std::nullopt);
  }

  /// Returns `line` with control sequences that overwrite the previous line and clear its rest. Automatic wrapping is
  /// off meanwhile, because a wrapped line cannot be overwritten.
  static std::string on_one_line(const std::string& line) { return "\r\x1b[?7l" + line + "\x1b[K\x1b[?7h"; }

  [[nodiscard]] std::string text(const Bar& bar, std::int64_t batches, Bar::Clock::time_point now,
                                 bool finished = false) const {
    const auto elapsed = std::chrono::duration<double>(now - bar.opened).count();
    const auto position = bar.skipped + batches;
    const auto& total = bar.total;
    std::string line = bar.name;
    if (total && *total > 0) {
      const auto share = std::clamp(static_cast<double>(position) / static_cast<double>(*total), 0.0, 1.0);
      if (state.on_terminal) {
        const auto room = static_cast<std::size_t>(std::max(width, 0));
        const auto filled = static_cast<std::size_t>(share * static_cast<double>(room));
        line += " [" + std::string(filled, '#') + std::string(room - filled, ' ') + "]";
      }
      line += format_message(" {}/{}", {position, *total});
      if (!state.on_terminal) line += format_message(" ({} %)", {detail::fixed(100.0 * share, 0)});
    } else {
      line += format_message(" {}", {position});
    }
    if (bar.loss) line += "  loss " + detail::general(*bar.loss, 4);
    if (batches > 0 && elapsed > 0.0) {
      const auto rate = static_cast<double>(batches) / elapsed;
      line += "  " + (rate >= 100.0 ? detail::fixed(rate, 0) : detail::general(rate, 3)) + " it/s";
      line += "  " + duration(elapsed);
      if (total && !finished)
        line += format_message(", {} left", {duration(static_cast<double>(*total - position) / rate)});
    }
    return line;
  }

  static std::string duration(double seconds) {
    if (seconds < 60.0) return detail::fixed(std::max(seconds, 0.0), 1) + " s";
    const auto whole = static_cast<std::int64_t>(seconds);
    const auto two_digits = [](std::int64_t number) {
      return detail::zero_filled(static_cast<std::uint64_t>(number), 2);
    };
    return whole < 3600
               ? format_message("{}:{}", {whole / 60, two_digits(whole % 60)})
               : format_message("{}:{}:{}", {whole / 3600, two_digits(whole / 60 % 60), two_digits(whole % 60)});
  }
};

}  // namespace hone
