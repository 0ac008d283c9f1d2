// SPDX-License-Identifier: Apache-2.0
/// The types of a trainer, each resolved once.
#pragma once

#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/optim/optimizer.hpp"
#include "hone/policies/accumulation.hpp"
#include "hone/policies/clipping.hpp"
#include "hone/policies/denormals.hpp"
#include "hone/policies/device.hpp"
#include "hone/policies/distribution.hpp"
#include "hone/policies/execution.hpp"
#include "hone/policies/gradients.hpp"
#include "hone/policies/heap.hpp"
#include "hone/policies/memory_format.hpp"
#include "hone/policies/precision.hpp"
#include "hone/policies/splitting.hpp"
#include "hone/policies/threads.hpp"
#include "hone/policies/transfer.hpp"
#include "hone/schedule/schedule.hpp"
#include "hone/step/parts.hpp"

namespace hone {

/// The types of `Trainer<Model, Loss, Optimizer, Policies...>`, with the default of each slot that `Policies` leaves
/// out.
template <class ModelType, class LossType, class OptimizerType, class... Policies>
struct TrainerTraits {
  using Trainer = hone::Trainer<ModelType, LossType, OptimizerType, Policies...>;
  using Model = ModelType;
  using Loss = LossType;
  using Optimizer = OptimizerType;  ///< As passed to the trainer.

  using Device = SelectPolicy<slots::Device, Cpu, Policies...>;
  using Precision = SelectPolicy<slots::Precision, Fp32, Policies...>;
  using Distribution = SelectPolicy<slots::Distribution, SingleProcess, Policies...>;
  using Accumulation = SelectPolicy<slots::Accumulation, GradAccum<1>, Policies...>;
  using Clipping = SelectPolicy<slots::Clipping, NoClip, Policies...>;
  using Schedule = SelectPolicy<slots::Schedule, NoSchedule, Policies...>;
  using Transfer = SelectPolicy<slots::Transfer, Direct, Policies...>;
  using Execution = SelectPolicy<slots::Execution, Eager, Policies...>;
  using MemoryFormat = SelectPolicy<slots::MemoryFormat, ContiguousFormat, Policies...>;
  using Denormals = SelectPolicy<slots::Denormals, FlushDenormals, Policies...>;
  using Threads = SelectPolicy<slots::Threads, AutoThreads, Policies...>;
  using Gradients = SelectPolicy<slots::Gradients, SetToNone, Policies...>;
  using Splitting = SelectPolicy<slots::Splitting, WholeBatches, Policies...>;
  using Heap = SelectPolicy<slots::Heap, SystemHeap, Policies...>;
  using Callbacks = CallbacksAmong<Policies...>;
  using Overrides = OverridesAmong<Policies...>;
  /// As stored in the trainer: bound to parameters, and perhaps sharded or with master weights.
  using BoundOptimizer = OptimizerUnder<Precision, OptimizerAmong<Distribution, hone::BoundOptimizer<Optimizer>>>;

  static constexpr bool reduces = ReducesGradients<Distribution>;        ///< Gradients are reduced over ranks.
  static constexpr bool accumulates = !UpdatesEveryBatch<Accumulation>;  ///< An update may have several batches.
  static constexpr bool splits = SplitsBatches<Splitting>;               ///< A batch may run in parts.
  static constexpr bool weighs = accumulates || reduces || splits;  ///< An update may combine several batches or parts.
  static constexpr bool captures = CapturesSteps<Execution>;        ///< Steps are captured and replayed.
  /// A schedule sets learning rates or other settings.
  static constexpr bool has_schedule = !std::is_same_v<Schedule, NoSchedule>;
  static constexpr bool has_objectives = SeveralLosses<Loss>;  ///< The loss is `Losses`.
};

namespace detail {

/// The traits of a trainer, for functions whose template parameter is the trainer.
template <class Trainer>
using TraitsOf = typename Trainer::Traits;

}  // namespace detail

}  // namespace hone
