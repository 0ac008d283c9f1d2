// SPDX-License-Identifier: Apache-2.0
/// Policies for the transfer of batches from the loader to the device.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `Direct` | the default: each batch is moved when its step begins | none |
/// | `Prefetch` (`hone/data/prefetch.hpp`) | making a batch is expensive: a thread makes batches ahead | none |
/// | `PrefetchToDevice` (`hone/devices/prefetch_to_device.hpp`) | batches are copied to the device ahead, during computation | none |
#pragma once

#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

namespace detail {

/// An archetype of a range of batches, for the concept `TransferPolicy`.
struct SomeBatches {
  int* begin();
  int* end();
};

}  // namespace detail

/// A policy that wraps a range of batches, to make or copy batches ahead. The device policy then moves tensors that are
/// not on the device.
template <class P>
concept TransferPolicy = PolicyFor<P, slots::Transfer> && requires(P& transfer, detail::SomeBatches& batches,
                                                                   int& device) { transfer.over(batches, device); };

/// Returns the range unchanged; the device policy moves each batch.
struct Direct {
  using slot = slots::Transfer;
  template <class Batches, class Device>
  static Batches& over(Batches& batches, const Device&) {
    return batches;
  }
};
static_assert(TransferPolicy<Direct> && std::is_empty_v<Direct>);

namespace detail::transfer_rules {

HONE_POLICY_NEEDS(has_over, "a transfer policy", "auto& over(batches, device)", TransferPolicy<P>);

}  // namespace detail::transfer_rules

template <>
struct SlotRequirements<slots::Transfer> : detail::Requirements<detail::transfer_rules::has_over> {};

}  // namespace hone
