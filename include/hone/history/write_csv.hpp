// SPDX-License-Identifier: Apache-2.0
/// The run history as comma-separated values, one record a line.
#pragma once

#include <cmath>
#include <ostream>
#include <string>
#include <string_view>

#include "hone/core/error.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/sentence.hpp"
#include "hone/history/run_history.hpp"

namespace hone {

namespace detail {

/// A field with a comma, quote or line break goes between quotes, quotes doubled (RFC 4180).
inline void append_csv_field(std::string& text, std::string_view field) {
  if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
    text += field;
    return;
  }
  text.push_back('"');
  for (const char c : field) {
    if (c == '"') text.push_back('"');
    text.push_back(c);
  }
  text.push_back('"');
}

/// **Errors** `DataError` when the stream does not take it.
inline void write_text(std::ostream& out, std::string_view text) {
  if (!out.write(text.data(), static_cast<std::streamsize>(text.size())).flush()) {
    throw DataError("The run history could not be written. See that the file can be opened and the disk has space.");
  }
}

}  // namespace detail

/// Writes a header and one line a record, series by series in order of first appearance. Values are the shortest texts
/// that read back as the same numbers; those that are none stand as `nan`, `inf` and `-inf`.
///
/// **Errors** `DataError` when the stream does not take it.
/// **Example**
///
///     name,phase,epoch,update,value
///     train_loss_epoch,train,1,1563,0.25
inline void write_csv(std::ostream& out, const RunHistory& history) {
  std::string text = "name,phase,epoch,update,value\n";
  for (const auto& name : history.names()) {
    for (const auto& record : history.values(name)) {
      detail::append_csv_field(text, name);
      text += sentence(",{},{},{},{}\n",
                       {to_string(record.phase), record.epoch, record.update,
                        detail::is_nan(record.value) ? std::abs(record.value) : record.value});  // no "-nan"
    }
  }
  detail::write_text(out, text);
}

}  // namespace hone
