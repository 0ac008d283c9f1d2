// SPDX-License-Identifier: Apache-2.0
/// Parsers for the two compressed lists in Slurm's environment variables.
#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace hone {

/// Returns the first host of a list such as `node[03-07,12],login1`: here `node03`. A name may have several brackets.
///
/// **Source** Slurm's `SLURM_JOB_NODELIST`, as `scontrol show hostnames` expands it.
[[nodiscard]] inline std::string first_host(std::string_view list) {
  std::string host;
  while (!list.empty() && list.front() != ',') {
    const bool is_bracket = list.front() == '[';
    if (is_bracket) {
      host += list.substr(1, list.find_first_of("-,]") - 1);
      list.remove_prefix(std::min(list.size(), list.find(']')));
    } else {
      host += list.front();
    }
    if (!list.empty()) list.remove_prefix(1);
  }
  return host;
}

/// Returns the number of tasks on a node from a list such as `2(x3),1`: here 2 for the nodes 0 to 2, and 1 for node 3.
/// Returns nothing if the list does not contain the node or is malformed up to it.
///
/// **Source** Slurm's `SLURM_STEP_TASKS_PER_NODE`.
[[nodiscard]] inline std::optional<int> tasks_of_node(std::string_view list, int node) {
  const auto take_number = [&list](int& number) {
    const auto [end, error] = std::from_chars(list.data(), list.data() + list.size(), number);
    if (error != std::errc{} || number < 1) return false;
    list.remove_prefix(static_cast<std::size_t>(end - list.data()));
    return true;
  };
  const auto take = [&list](std::string_view text) {
    if (!list.starts_with(text)) return false;
    list.remove_prefix(text.size());
    return true;
  };
  for (int tasks = 0, nodes = 1; take_number(tasks); nodes = 1) {
    if (take("(x") && !(take_number(nodes) && take(")"))) break;
    if (node < nodes) return node < 0 ? std::nullopt : std::optional(tasks);
    node -= nodes;
    if (!take(",")) break;
  }
  return std::nullopt;
}

}  // namespace hone
