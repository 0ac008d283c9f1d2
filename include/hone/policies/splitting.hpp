// SPDX-License-Identifier: Apache-2.0
/// Whether a batch is run as a whole.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `WholeBatches` | the default | none |
/// | `MicroBatches` (`hone/memory/micro_batches.hpp`) | a batch does not fit into memory | many processes, recorded steps |
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

/// Says how much of a batch goes through forward and backward at once.
template <class P>
concept SplittingPolicy = PolicyFor<P, slots::Splitting>;

/// What a batch touches beside the graph, and how the loop deals with memory that ran out in the middle of it.
struct BatchSurroundings {
  c10::Device device;
  at::TensorList parameters;        ///< Those that the batch adds gradients to.
  std::vector<at::Tensor> buffers;  ///< Those of the model.
  bool (*is_out_of_memory)(const std::exception&);
  void (*release_cached_memory)();
};

/// Optional ability: runs a batch part by part; see `MicroBatches::learn`.
template <class P>
concept SplitsBatches = SplittingPolicy<P> && requires { requires P::splits_batches; };

/// A batch is one forward and one backward pass.
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
