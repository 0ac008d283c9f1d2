// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <ostream>
#include <string>
#include <string_view>

#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/history/run_history.hpp"
#include "hone/history/write_csv.hpp"

namespace hone {

namespace detail {

HONE_INLINE void append_csv_field(std::string& text, std::string_view field) {
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

HONE_INLINE void write_text(std::ostream& out, std::string_view text) {
  if (!out.write(text.data(), static_cast<std::streamsize>(text.size())).flush()) {
    throw DataError(
        "The run history could not be written. Check that the file can be opened and that the disk has space.");
  }
}

}  // namespace detail

HONE_INLINE void write_csv(std::ostream& out, const RunHistory& history) {
  std::string text = "name,phase,epoch,update,value\n";
  for (const auto& name : history.names()) {
    for (const auto& record : history.values(name)) {
      detail::append_csv_field(text, name);
      text += format_message(",{},{},{},{}\n",
                             {to_string(record.phase), record.epoch, record.update,
                              detail::is_nan(record.value) ? std::abs(record.value) : record.value});  // no "-nan"
    }
  }
  detail::write_text(out, text);
}

}  // namespace hone
