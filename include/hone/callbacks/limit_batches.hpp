// SPDX-License-Identifier: Apache-2.0
/// A limit on the batches of an epoch, for trial runs.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "hone/history/record.hpp"

namespace hone {

/// Limits the number of batches in an epoch of training and, as pytorch-accelerated's `LimitBatchesCallback`, in every
/// evaluation, also in a run of `evaluate`. The run is configured with the limit, so counts, schedules, and the last
/// accumulation window are based on the shorter epoch.
///
/// For a limit on evaluations alone, set only `num_eval_batches`, or use `LimitEvalBatches`. For a limit on training
/// alone, set `num_eval_batches` to at least the number of evaluation batches.
///
/// **Units** batches of this rank. **Errors** `std::invalid_argument` when a limit is below 1.
/// **Example** `hone::LimitBatches{.num_batches = 10}`
struct LimitBatches {
  static constexpr bool needs_run = true;
  std::optional<std::int64_t> num_batches{};       ///< The limit of each epoch; if empty, training is not limited.
  std::optional<std::int64_t> num_eval_batches{};  ///< The limit of an evaluation; if empty, `num_batches`.

  [[nodiscard]] std::optional<std::int64_t> batch_limit(Phase phase) const {
    check("num_batches", num_batches);
    check("num_eval_batches", num_eval_batches);
    switch (phase) {
      case Phase::train:
        return num_batches;
      case Phase::eval:
      case Phase::intermediate_eval:
      case Phase::evaluation:
        return num_eval_batches ? num_eval_batches : num_batches;
      case Phase::predict:
        return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  static void check(const char* name, std::optional<std::int64_t> limit) {
    if (limit && *limit < 1) {
      throw std::invalid_argument("LimitBatches::" + std::string(name) + " is " + std::to_string(*limit) +
                                  ". Set it to 1 or greater.");
    }
  }
};

}  // namespace hone
