// SPDX-License-Identifier: Apache-2.0
/// What callbacks do when a file cannot be written.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string_view>

#include "hone/callbacks/console.hpp"
#include "hone/callbacks/events.hpp"
#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

/// What a callback does when a file that it saves cannot be written. Either way, the file that was there before stays.
enum class SaveError : std::uint8_t {
  stop,  ///< The run ends with the error, in every process. The trained model stays in memory.
  warn,  ///< The run continues and a line of output names the error. The next save tries again.
};

namespace detail {

/// Calls `save` and returns whether it succeeded. With many processes, `save` has to fail in all or in none.
///
/// **Errors** with `SaveError::stop`, the `DataError` of `save`; other errors always.
template <class Save>
bool try_save(SaveError on_error, const Run& run, std::FILE* output, std::string_view owner, const Save& save) {
  try {
    save();
    return true;
  } catch (const DataError& error) {
    if (on_error == SaveError::stop) throw;
    if (run.is_world_process_zero()) put(output, sentence("\n{} saved nothing: {}\n", {owner, error.what()}));
    return false;
  }
}

}  // namespace detail

}  // namespace hone
