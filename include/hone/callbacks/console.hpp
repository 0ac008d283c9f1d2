// SPDX-License-Identifier: Apache-2.0
/// Output of callbacks to a terminal or a log file.
#pragma once

#include <cstdio>
#include <string_view>

namespace hone::detail {

/// Writes `text` and flushes the stream, so that the output of several callbacks to several streams keeps its order.
/// Ignores errors, so that a stream that can no longer be written to, such as a closed terminal, does not end a run.
inline void put(std::FILE* output, std::string_view text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), output));
  static_cast<void>(std::fflush(output));
}

}  // namespace hone::detail
