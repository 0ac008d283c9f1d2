// SPDX-License-Identifier: Apache-2.0
/// Default callbacks for most runs.
#pragma once

#include "hone/callbacks/callback_set.hpp"
#include "hone/callbacks/log_metrics.hpp"
#include "hone/callbacks/print_progress.hpp"
#include "hone/callbacks/progress_bar.hpp"
#include "hone/callbacks/terminate_on_nan.hpp"

namespace hone {

/// Callbacks that end the run at a NaN or infinite loss, print its events, show its progress, and print its metrics. A
/// callback of one of these types in the trainer, also inside filters or under a name, replaces the default.
/// **Example** `hone::Trainer{model, loss, optimizer, hone::DefaultCallbacks{}, hone::ProgressBar{.label = "fold 1"}}`
using DefaultCallbacks = ReplaceableCallbacks<TerminateOnNaN, PrintProgress, ProgressBar, LogMetrics>;

}  // namespace hone
