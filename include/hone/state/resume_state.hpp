// SPDX-License-Identifier: Apache-2.0
/// The members of a trainer for saving and restoring training states.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "hone/checkpoint/value.hpp"
#include "hone/state/epoch_position.hpp"
#include "hone/state/resume_from.hpp"
#include "hone/state/unfinished_evaluations.hpp"

namespace hone::detail {

/// A run's position in its data, for training states, and the state that a resumed run has yet to restore.
template <class Trainer>
struct ResumeState {
  UnfinishedEvaluations unfinished{};
  std::uint64_t loader_seed = 0;
  EpochPosition epoch_position{};
  at::Tensor epoch_generator{};  ///< The state of the CPU's generator at the beginning of the epoch.
  bool is_whole = true;          ///< True if a training state can be saved now.
  std::shared_ptr<const Value> source{};
  const Resumption<Trainer>* actions = nullptr;

  /// Returns whether the run resumes, and has not restored its state yet.
  [[nodiscard]] bool is_pending() const { return source != nullptr; }
};

}  // namespace hone::detail
