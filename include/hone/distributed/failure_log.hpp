// SPDX-License-Identifier: Apache-2.0
/// The log in which the processes of a group write who failed: a line for each word of each process.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "hone/core/sentence.hpp"

namespace hone::detail {

/// What the others have heard of a process.
struct Heard {
  std::string failed = {};  ///< Its reason, when it failed.
  std::string waits = {};   ///< The collective that broke, when one did.
  bool answers = false;     ///< It has heard of a failure: the process lives, whatever it does.
  bool left = false;        ///< It left in order.
  bool ended = false;       ///< It has said why it leaves, and left.
};

/// One word of a process as a line of the group's log.
[[nodiscard]] inline std::string line_of(char kind, int rank, std::string_view text) {
  text = text.substr(0, std::min(text.find('\n'), std::size_t{2000}));  // LibTorch's errors end with a stack of calls
  return sentence("{} {} {}\n", {kind, rank, text.empty() ? "no reason was given." : text});
}

[[nodiscard]] inline std::vector<Heard> heard_in(std::string_view log, int world_size) {
  std::vector<Heard> heard(static_cast<std::size_t>(world_size));
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
