// SPDX-License-Identifier: Apache-2.0
/// One recorded value of a metric, and its position in the run.
#pragma once

#include <cstdint>
#include <string_view>

namespace hone {

/// The activity of a run in which a value is recorded.
enum class Phase {
  train,              ///< An epoch of training.
  eval,               ///< The evaluation after an epoch of training.
  intermediate_eval,  ///< An evaluation within an epoch of training.
  evaluation,         ///< A run of `evaluate`.
  predict             ///< A run of `predict`.
};

/// True for the phases of a training run: training and the evaluations within it.
[[nodiscard]] constexpr bool is_of_training(Phase phase) {
  return phase == Phase::train || phase == Phase::eval || phase == Phase::intermediate_eval;
}

/// Returns the phase's name, as written to files; "unknown" for an invalid phase.
[[nodiscard]] constexpr std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::train:
      return "train";
    case Phase::eval:
      return "eval";
    case Phase::intermediate_eval:
      return "intermediate_eval";
    case Phase::evaluation:
      return "evaluation";
    case Phase::predict:
      return "predict";
  }
  return "unknown";
}

/// A value of a metric, with its epoch, update and phase.
struct Record {
  double value = 0.0;
  std::int64_t epoch = 1;   ///< The first epoch is 1.
  std::int64_t update = 0;  ///< Optimizer updates done when the value was recorded.
  Phase phase = Phase::train;

  /// Compares member by member. NaN is not equal to NaN.
  friend bool operator==(const Record&, const Record&) = default;
};

}  // namespace hone
