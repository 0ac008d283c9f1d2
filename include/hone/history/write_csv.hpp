// SPDX-License-Identifier: Apache-2.0
/// The run history as comma-separated values, one record a line.
#pragma once

#include <iosfwd>

#include "hone/history/run_history.hpp"

namespace hone {

namespace detail {

/// **Errors** `DataError` when the stream does not take it.
void write_text(std::ostream& out, std::string_view text);

}  // namespace detail

/// Writes a header and one line a record, series by series in order of first appearance. Values are the shortest texts
/// that read back as the same numbers; those that are none stand as `nan`, `inf` and `-inf`.
///
/// **Errors** `DataError` when the stream does not take it.
/// **Example**
///
///     name,phase,epoch,update,value
///     train_loss_epoch,train,1,1563,0.25
void write_csv(std::ostream& out, const RunHistory& history);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/history/write_csv.ipp"
#endif
