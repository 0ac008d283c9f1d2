// SPDX-License-Identifier: Apache-2.0
/// The environment variable `HONE_LIMIT_BATCHES=n`, which limits every epoch of training and evaluation to n batches,
/// to try out a program without changing it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace hone {

/// The environment variable that limits the batches of each epoch.
inline constexpr const char* limit_batches_variable = "HONE_LIMIT_BATCHES";

/// Returns the maximum number of batches per epoch in `text`. Returns nothing for `none`, in upper or lower case.
///
/// **Errors** `std::invalid_argument` unless `text` is `none` or an integer of at least 1.
[[nodiscard]] std::optional<std::int64_t> parsed_batch_limit(std::string_view text);

/// Returns the limit that the environment variable currently sets. Returns nothing if it is not set.
///
/// **Errors** as for `parsed_batch_limit`.
[[nodiscard]] inline std::optional<std::int64_t> environment_batch_limit() {
  const char* const text = std::getenv(limit_batches_variable);
  return text == nullptr ? std::nullopt : parsed_batch_limit(text);
}

/// Sets `HONE_LIMIT_BATCHES` during its lifetime, for tests of programs, and then restores the previous value. A run
/// reads the variable when it starts. Not thread-safe: the environment belongs to the process.
///
/// **Errors** `std::invalid_argument` if the limit is below 1.
/// **Example** `const hone::LimitBatchesInScope limit(10);`
class LimitBatchesInScope {
 public:
  explicit LimitBatchesInScope(std::int64_t num_batches);
  LimitBatchesInScope(const LimitBatchesInScope&) = delete;
  LimitBatchesInScope& operator=(const LimitBatchesInScope&) = delete;
  ~LimitBatchesInScope();

 private:
  std::optional<std::string> before_;
};

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/trainer/environment.ipp"
#endif
