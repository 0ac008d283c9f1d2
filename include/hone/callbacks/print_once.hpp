// SPDX-License-Identifier: Apache-2.0
/// A line that is printed once, however many processes train.
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <utility>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/run.hpp"

namespace hone {

/// Prints a line on standard output, in the process that prints and in no other.
///
/// **Example** `hone::print_once(event.run, "epoch {}: {:.3f}", event.run.epoch(), event.loss);`
template <class... Args>
void print_once(const Run& run, fmt::format_string<Args...> format, Args&&... args) {
  if (run.is_world_process_zero()) detail::put(stdout, fmt::format(format, std::forward<Args>(args)...) + "\n");
}

}  // namespace hone
