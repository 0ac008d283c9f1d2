// SPDX-License-Identifier: Apache-2.0
/// The run history as one JSON object.
#pragma once

#include <iosfwd>

#include "hone/history/run_history.hpp"

namespace hone {

/// Writes an object; its `metrics` maps each name, in order of first appearance, to an array of records. Values are the
/// shortest texts that read back as the same numbers. JSON has no numbers that are not finite: those stand as the
/// strings
/// `"NaN"`, `"Infinity"` and `"-Infinity"`, which Python's `float` and JavaScript's `Number` understand.
///
/// **Errors** `DataError` when the stream does not take it.
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
