// SPDX-License-Identifier: Apache-2.0
/// How batches travel from the loader to the device.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `Direct` | the default: each batch is moved when its step begins | none |
/// | `Prefetch` (`hone/data/prefetch.hpp`) | where making a batch is work: a thread does it | none |
/// | `PrefetchToDevice` (`hone/devices/prefetch_to_device.hpp`) | the next batches are copied to the device meanwhile | none |
#pragma once

#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

namespace detail {

/// Stands for any range of batches.
struct SomeBatches {
  int* begin();
  int* end();
};

}  // namespace detail

/// Wraps a range of batches into one whose batches are on the device, or on their way there.
template <class P>
concept TransferPolicy = PolicyFor<P, slots::Transfer> && requires(P& transfer, detail::SomeBatches& batches,
                                                                   int& device) { transfer.over(batches, device); };

/// The range as it is; the device policy moves each batch.
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
