// SPDX-License-Identifier: Apache-2.0
/// Export of a run history as comma-separated values, one record per line.
#pragma once

#include <iosfwd>

#include "hone/history/run_history.hpp"

namespace hone {

namespace detail {

/// Writes `text` to `out` and flushes it. **Errors** `DataError` if the stream fails.
void write_text(std::ostream& out, std::string_view text);

}  // namespace detail

/// Writes a header and one line per record, series by series in order of first appearance. A value is the shortest text
/// that reads back as the same double; values that are not finite are `nan`, `inf` and `-inf`. Names with a comma, a
/// quote or a line break are quoted.
///
/// **Errors** `DataError` if the stream fails.
/// **Example**
///
///     name,phase,epoch,update,value
///     train_loss_epoch,train,1,1563,0.25
void write_csv(std::ostream& out, const RunHistory& history);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/history/write_csv.ipp"
#endif
