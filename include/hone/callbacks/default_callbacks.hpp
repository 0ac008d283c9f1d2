// SPDX-License-Identifier: Apache-2.0
/// The callbacks that most runs want.
#pragma once

#include "hone/callbacks/callback_set.hpp"
#include "hone/callbacks/log_metrics.hpp"
#include "hone/callbacks/print_progress.hpp"
#include "hone/callbacks/progress_bar.hpp"
#include "hone/callbacks/terminate_on_nan.hpp"

namespace hone {

/// Stops at a loss that is not a finite number, says what happens, shows the progress and prints the metrics. A
/// callback of one of these types that the trainer is given, also behind filters or a name, replaces the default.
/// **Example** `hone::Trainer{model, loss, optimizer, hone::DefaultCallbacks{}, hone::ProgressBar{.label = "fold 1"}}`
using DefaultCallbacks = ReplaceableCallbacks<TerminateOnNaN, PrintProgress, ProgressBar, LogMetrics>;

}  // namespace hone
