// SPDX-License-Identifier: Apache-2.0
/// Export of a run history as one JSON object.
#pragma once

#include <iosfwd>

#include "hone/history/run_history.hpp"

namespace hone {

/// Writes an object whose `metrics` maps each name, in order of first appearance, to an array of records. A value is
/// the shortest text that reads back as the same double. JSON has only finite numbers, so other values are the strings
/// `"NaN"`, `"Infinity"` and `"-Infinity"`, which Python's `float` and JavaScript's `Number` accept.
///
/// **Errors** `DataError` if the stream fails.
/// **Example**
///
///     {"current_epoch": 2, "num_updates": 1563, "stop_reason": null, "metrics": {
///       "train_loss_epoch": [
///         {"phase": "train", "epoch": 1, "update": 1563, "value": 0.25}]}}
void write_json(std::ostream& out, const RunHistory& history);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/history/write_json.ipp"
#endif
