// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include "hone/core/config.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/history/run_history.hpp"
#include "hone/history/write_csv.hpp"
#include "hone/history/write_json.hpp"

namespace hone {

namespace detail {

HONE_INLINE void append_json_string(std::string& text, std::string_view string) {
  text.push_back('"');
  for (const char c : string) {
    if (c == '"' || c == '\\') {
      text.push_back('\\');
      text.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      text += "\\u" + zero_filled(static_cast<unsigned char>(c), 4, 16);
    } else {
      text.push_back(c);
    }
  }
  text.push_back('"');
}

HONE_INLINE void append_json_number(std::string& text, double value) {
  if (is_finite(value)) {
    append_shortest(text, value);
  } else {
    append_json_string(text, is_nan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
  }
}

}  // namespace detail

HONE_INLINE void write_json(std::ostream& out, const RunHistory& history) {
  std::string text = format_message("{\"current_epoch\": {}, \"num_updates\": {}, \"stop_reason\": ",
                                    {history.current_epoch(), history.num_updates()});
  if (const auto& reason = history.stop_reason()) {
    detail::append_json_string(text, *reason);
  } else {
    text += "null";
  }
  text += ", \"metrics\": {";
  const char* separator = "\n  ";
  for (const auto& name : history.names()) {
    text += separator;
    detail::append_json_string(text, name);
    separator = ": [\n    ";
    for (const auto& record : history.values(name)) {
      text += format_message("{}{\"phase\": \"{}\", \"epoch\": {}, \"update\": {}, \"value\": ",
                             {separator, to_string(record.phase), record.epoch, record.update});
      detail::append_json_number(text, record.value);
      text.push_back('}');
      separator = ",\n    ";
    }
    text.push_back(']');
    separator = ",\n  ";
  }
  text += "}}\n";
  detail::write_text(out, text);
}

}  // namespace hone
