// SPDX-License-Identifier: Apache-2.0
/// Ends a training run that no longer improves.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"

namespace hone {

/// Ends the run when a metric has not improved for `patience` epochs in a row.
///
/// The first value is the best so far; a later one improves on it when it is better by more than `min_delta`. NaN never
/// improves. An epoch that records no value of the metric does not count. A fast development run is never ended.
///
/// **Units** patience: epochs, 0 ends the run after the first one; min_delta: the unit of the metric.
/// **Errors** `std::invalid_argument` for a negative `patience`, a negative or NaN `min_delta`, and at the end of the
/// first epoch for a metric that nothing has recorded.
/// **Source** L. Prechelt, "Early Stopping - But When?", 1998.
/// **Example** `hone::EarlyStopping{.patience = 3, .min_delta = 0.0}`
struct EarlyStopping {
  int patience = 1;
  double min_delta = 0.01;
  std::string watch_metric = "eval_loss_epoch";  ///< A name of the run's history.
  bool greater_is_better = false;
  bool reset_on_train = true;  ///< Forget the best value when a run starts; else the next run has to beat it.
  bool verbose = false;        ///< Say at each epoch what was decided.
  std::FILE* output = stdout;  ///< Where to say it.

  /// What it has seen.
  struct State {
    std::optional<double> best{};
    int waited = 0;  ///< Epochs since the last improvement.

    void serialize(auto& archive) {
      archive("best", best);
      archive("waited", waited);
    }
  };
  State state{};

  void on_training_run_start(const TrainingRunStart&) {
    if (patience < 0) {
      throw std::invalid_argument(fmt::format("EarlyStopping::patience is {}. Give 0 or more epochs.", patience));
    }
    if (!(min_delta >= 0.0)) {
      throw std::invalid_argument(fmt::format("EarlyStopping::min_delta is {}. Give 0 or more.", min_delta));
    }
    if (reset_on_train) state = {};
  }

  void on_training_run_epoch_end(const TrainingRunEpochEnd& event) {
    const auto values = event.run.history().values(watch_metric);
    if (values.empty() && event.run.stop_requested()) return;  // stopped before there was anything to watch
    if (values.empty()) reject_metric(event.run.history());
    if (values.back().epoch != event.run.epoch() || event.run.config().fast_dev_run) return;

    const double value = values.back().value;
    const double gain = !state.best ? 0.0 : greater_is_better ? value - *state.best : *state.best - value;
    const bool is_first = !state.best && !std::isnan(value);
    if (is_first || gain > min_delta) {
      state.best = value;
      state.waited = 0;
    } else {
      ++state.waited;
    }
    if (verbose && !is_first && event.run.is_world_process_zero()) {
      detail::put(output, state.waited == 0 ? fmt::format("\nImprovement of {} observed, resetting counter.\n", gain)
                                            : "No improvement above threshold observed, incrementing counter.\n");
      detail::put(output, fmt::format("Early stopping counter: {}/{}\n", state.waited, patience));
    }
    if (state.waited >= patience) {
      event.run.request_stop(fmt::format("Stopping training due to no improvement after {} epochs", patience));
    }
  }

 private:
  [[noreturn]] void reject_metric(const RunHistory& history) const {
    std::string names;
    for (const auto& name : history.names()) names += (names.empty() ? "`" : ", `") + name + "`";
    throw std::invalid_argument(
        fmt::format("EarlyStopping::watch_metric is `{}`, which nothing has recorded; recorded are: {}. Watch one of "
                    "those, or give the run an evaluation dataset.",
                    watch_metric, names.empty() ? "none" : names));
  }
};

}  // namespace hone
