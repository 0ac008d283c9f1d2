// SPDX-License-Identifier: Apache-2.0
/// The reaction of callbacks to a file that cannot be written.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string_view>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

/// The reaction of a callback to a file that cannot be written. In both cases, an existing file stays unchanged.
enum class SaveError : std::uint8_t {
  stop,  ///< The run ends with the error on all ranks. The trained model stays in memory.
  warn,  ///< The run continues, and rank 0 prints the error. The next save tries again.
};

namespace detail {

/// Calls `save` and returns whether it succeeded. With several ranks, `save` must fail on all ranks or on none.
///
/// **Errors** the `DataError` of `save` with `SaveError::stop`; any other exception of `save` always.
template <class Save>
bool try_save(SaveError on_error, const Run& run, std::FILE* output, std::string_view owner, const Save& save) {
  try {
    save();
    return true;
  } catch (const DataError& error) {
    if (on_error == SaveError::stop) throw;
    if (run.is_world_process_zero()) put(output, format_message("\n{} failed to save: {}\n", {owner, error.what()}));
    return false;
  }
}

}  // namespace detail

}  // namespace hone
