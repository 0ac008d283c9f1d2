// SPDX-License-Identifier: Apache-2.0
/// A limit on the batches of an evaluation.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>

#include "hone/core/format_message.hpp"
#include "hone/history/record.hpp"

namespace hone {

/// Limits the number of batches in an evaluation within an epoch, and with `intermediate_only = false` in all
/// evaluations.
///
/// **Units** num_batches: batches of this rank. **Errors** `std::invalid_argument` when it is below 1.
/// **Example** `hone::LimitEvalBatches{.num_batches = 50}`
struct LimitEvalBatches {
  std::int64_t num_batches = 20;
  bool intermediate_only = true;

  [[nodiscard]] std::optional<std::int64_t> batch_limit(Phase phase) const {
    if (num_batches < 1) {
      throw std::invalid_argument(
          format_message("LimitEvalBatches::num_batches is {}. Set it to 1 or greater.", {num_batches}));
    }
    const bool is_evaluation = phase == Phase::eval || phase == Phase::evaluation;
    const bool is_limited = phase == Phase::intermediate_eval || (is_evaluation && !intermediate_only);
    return is_limited ? std::optional(num_batches) : std::nullopt;
  }
};

}  // namespace hone
