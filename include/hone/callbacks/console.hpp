// SPDX-License-Identifier: Apache-2.0
/// How callbacks write to a terminal or a log file.
#pragma once

#include <cstdio>
#include <string_view>

namespace hone::detail {

/// Writes `text` and flushes, so that what several callbacks write to several streams keeps its order. A stream that
/// cannot be written to any more, such as a closed terminal, must not end hours of training: errors are ignored.
inline void put(std::FILE* output, std::string_view text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), output));
  static_cast<void>(std::fflush(output));
}

}  // namespace hone::detail
