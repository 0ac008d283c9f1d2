// SPDX-License-Identifier: Apache-2.0
/// `on_rank_zero`, which calls a function on rank 0 and returns its result on all ranks.
#pragma once

#include <cstring>
#include <exception>
#include <string>
#include <type_traits>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/policies/distribution.hpp"

namespace hone {

/// Calls `f` on rank 0 only, and returns its result, nothing or a trivially copyable value, on all ranks. No rank
/// returns before `f` has. Collective; `f` must not make collective calls.
///
/// **Errors** on rank 0, the exception of `f`; on every other rank, a `DataError` if it is one, else a
/// `DistributedError`, with the same message after a prefix.
template <DistributedPolicy Processes, class F>
auto on_rank_zero(Processes& processes, F&& f) -> std::invoke_result_t<F&> {
  if constexpr (!ReducesGradients<Processes>) {
    return f();
  } else {
    using Result = std::invoke_result_t<F&>;
    constexpr char is_done = 0, is_data_error = 1, is_error = 2;
    std::string told;
    std::exception_ptr problem;
    const auto tell_problem = [&](char kind, const char* text) {
      told = kind + std::string(text);
      problem = std::current_exception();
    };
    if (processes.rank() == 0) {
      try {
        told = is_done;
        if constexpr (std::is_void_v<Result>) {
          f();
        } else {
          static_assert(std::is_trivially_copyable_v<Result>);
          const Result result = f();
          told.append(reinterpret_cast<const char*>(&result), sizeof(Result));
        }
      } catch (const DataError& error) {
        tell_problem(is_data_error, error.what());
      } catch (const std::exception& error) {
        tell_problem(is_error, error.what());
      } catch (...) {
        tell_problem(is_error, "It threw an exception that is not a std::exception.");
      }
    }
    told = processes.all_gather_strings(told)[0];
    if (problem) std::rethrow_exception(problem);
    if (told[0] != is_done) {
      const auto text = format_message("Rank 0: {}", {told.substr(1)});
      if (told[0] == is_data_error) throw DataError(text);
      throw DistributedError(text);
    }
    if constexpr (!std::is_void_v<Result>) {
      Result result{};
      std::memcpy(static_cast<void*>(&result), told.data() + 1, sizeof(Result));
      return result;
    }
  }
}

}  // namespace hone
