// SPDX-License-Identifier: Apache-2.0
/// Policies that run a batch as a whole or in micro-batches.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `WholeBatches` | the default | none |
/// | `MicroBatches` (`hone/memory/micro_batches.hpp`) | a batch does not fit into memory | `Ddp`, `Zero`, `StepCapture` |
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <concepts>
#include <exception>
#include <type_traits>
#include <vector>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// A policy that decides how many samples run in one forward and backward pass.
template <class P>
concept SplittingPolicy = PolicyFor<P, slots::Splitting>;

/// The state that a batch changes besides the autograd graph, and functions to handle an out-of-memory error.
struct BatchSurroundings {
  c10::Device device;
  at::TensorList parameters;                        ///< The parameters of the optimizer.
  std::vector<at::Tensor> buffers;                  ///< The buffers of the model and the loss.
  bool (*is_out_of_memory)(const std::exception&);  ///< Returns whether an exception is an out-of-memory error.
  void (*release_cached_memory)();                  ///< Returns unused memory of LibTorch's cache to the device.
};

/// Optional: runs a batch in parts; see `MicroBatches::learn`.
template <class P>
concept SplitsBatches = SplittingPolicy<P> && requires { requires P::splits_batches; };

/// Runs each batch in one forward and one backward pass.
struct WholeBatches {
  using slot = slots::Splitting;
};
static_assert(SplittingPolicy<WholeBatches> && !SplitsBatches<WholeBatches> && std::is_empty_v<WholeBatches>);

namespace detail::splitting_rules {

HONE_DEFINE_NAMES(learn);
HONE_POLICY_NEEDS(has_splits_batches, "a splitting policy", "static constexpr bool splits_batches = true",
                  std::same_as<P, WholeBatches> || SplitsBatches<P>);
HONE_POLICY_NEEDS(has_learn, "a splitting policy", "auto learn(batch, forward, backward, around)",
                  std::same_as<P, WholeBatches> || names_learn<P>);

}  // namespace detail::splitting_rules

template <>
struct SlotRequirements<slots::Splitting>
    : detail::Requirements<detail::splitting_rules::has_splits_batches, detail::splitting_rules::has_learn> {};

}  // namespace hone
