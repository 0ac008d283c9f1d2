// SPDX-License-Identifier: Apache-2.0
/// Printing on rank 0 only.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/run.hpp"

namespace hone {

/// Prints a line to standard output on rank 0; a no-op on other ranks.
///
/// **Example** `hone::print_once(event.run, fmt::format("epoch {}: {:.3f}", event.run.epoch(), event.loss));`
inline void print_once(const Run& run, std::string_view line) {
  if (run.is_world_process_zero()) detail::put(stdout, std::string(line) + "\n");
}

}  // namespace hone
