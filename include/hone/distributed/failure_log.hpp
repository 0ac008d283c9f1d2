// SPDX-License-Identifier: Apache-2.0
/// The shared log of a group's failures: one line for each message of a rank.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "hone/core/format_message.hpp"

namespace hone::detail {

/// The status of a rank, as its peers read it from the log.
struct PeerStatus {
  std::string failed = {};  ///< The reason of its failure; empty: it has not failed.
  std::string waits = {};   ///< The collective in which it got an error, if any.
  bool answers = false;     ///< Its thread has acknowledged a failure, so the process is alive.
  bool left = false;        ///< It left without an error.
  bool ended = false;       ///< It left after it had published an error.
};

/// Returns a message of a rank as a line of the group's log.
[[nodiscard]] inline std::string line_of(char kind, int rank, std::string_view text) {
  text = text.substr(0, std::min(text.find('\n'), std::size_t{2000}));  // LibTorch's errors end with a stack trace
  return format_message("{} {} {}\n", {kind, rank, text.empty() ? "no reason was given." : text});
}

[[nodiscard]] inline std::vector<PeerStatus> heard_in(std::string_view log, int world_size) {
  std::vector<PeerStatus> heard(static_cast<std::size_t>(world_size));
  while (!log.empty()) {
    const auto end = std::min(log.find('\n'), log.size());
    const auto line = log.substr(0, end);
    log.remove_prefix(std::min(end + 1, log.size()));
    std::size_t rank = 0;
    if (line.size() < 4) continue;
    const auto [after, error] = std::from_chars(line.data() + 2, line.data() + line.size(), rank);
    if (error != std::errc{} || rank >= heard.size() || after == line.data() + line.size()) continue;
    const std::string text(after + 1, line.data() + line.size());
    switch (line[0]) {
      case 'F':
        heard[rank].failed = text;
        break;
      case 'W':
        heard[rank].waits = text;
        break;
      case 'A':
        heard[rank].answers = true;
        break;
      case 'L':
        heard[rank].left = true;
        break;
      case 'E':
        heard[rank].ended = true;
        break;
    }
  }
  return heard;
}

[[nodiscard]] inline std::string named(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) text += (i ? ", " : "") + std::to_string(ranks[i]);
  return text;
}

}  // namespace hone::detail
