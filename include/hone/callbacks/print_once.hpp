// SPDX-License-Identifier: Apache-2.0
/// A line that is printed once, however many processes train.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/run.hpp"

namespace hone {

/// Prints a line on standard output, in the process that prints and in no other.
///
/// **Example** `hone::print_once(event.run, fmt::format("epoch {}: {:.3f}", event.run.epoch(), event.loss));`
inline void print_once(const Run& run, std::string_view line) {
  if (run.is_world_process_zero()) detail::put(stdout, std::string(line) + "\n");
}

}  // namespace hone
