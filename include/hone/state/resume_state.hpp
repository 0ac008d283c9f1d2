// SPDX-License-Identifier: Apache-2.0
/// Where a run is in its data, for training states, and what a run that resumes has yet to restore.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "hone/checkpoint/value.hpp"
#include "hone/state/epoch_place.hpp"
#include "hone/state/resume_from.hpp"
#include "hone/state/unfinished_evaluations.hpp"

namespace hone::detail {

/// Where a run is in its data, for training states, and what a run that resumes has yet to restore.
template <class Trainer>
struct ResumeState {
  UnfinishedEvaluations unfinished{};
  std::uint64_t loader_seed = 0;
  EpochPlace epoch_place{};
  at::Tensor epoch_generator{};  ///< The generator's state at the beginning of the epoch.
  bool is_whole = true;          ///< A training state can be taken now.
  std::shared_ptr<const Value> source{};
  const Resumption<Trainer>* actions = nullptr;

  /// The run resumes, and has not restored everything yet.
  [[nodiscard]] bool is_pending() const { return source != nullptr; }
};

}  // namespace hone::detail
