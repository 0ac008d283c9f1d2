// SPDX-License-Identifier: Apache-2.0
/// Policies for the memory format of images.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `ContiguousFormat` | the default: memory formats are unchanged | none |
/// | `ChannelsLast` | for convolutions over images, `[batch, channels, height, width]` | exported models |
/// | `ChannelsLast3d` | for convolutions over volumes | exported models |
#pragma once

#include <c10/core/MemoryFormat.h>

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// A policy for the memory format of tensors.
template <class P>
concept MemoryFormatPolicy = PolicyFor<P, slots::MemoryFormat>;

/// Optional: converts tensors with `P::num_dims` dimensions to `P::format`: the model's parameters and buffers when the
/// trainer is made, each batch when its step begins.
template <class P>
concept HasMemoryFormat = MemoryFormatPolicy<P> && requires {
  { P::format } -> std::convertible_to<at::MemoryFormat>;
  { P::num_dims } -> std::convertible_to<std::int64_t>;
};

/// Leaves the memory format of all tensors unchanged.
struct ContiguousFormat {
  using slot = slots::MemoryFormat;
};

/// Stores the channels of a pixel next to each other. Batches of a dataset in this format
/// (`images.contiguous(at::MemoryFormat::ChannelsLast)`) are gathered in it; batches in another format are copied, once
/// per step. Shapes do not change.
///
/// **Source** PyTorch's `torch.channels_last`.
struct ChannelsLast {
  using slot = slots::MemoryFormat;
  static constexpr at::MemoryFormat format = at::MemoryFormat::ChannelsLast;
  static constexpr std::int64_t num_dims = 4;
};

/// `ChannelsLast` for `[batch, channels, depth, height, width]`.
struct ChannelsLast3d {
  using slot = slots::MemoryFormat;
  static constexpr at::MemoryFormat format = at::MemoryFormat::ChannelsLast3d;
  static constexpr std::int64_t num_dims = 5;
};
static_assert(!HasMemoryFormat<ContiguousFormat> && HasMemoryFormat<ChannelsLast> && HasMemoryFormat<ChannelsLast3d>);
static_assert(std::is_empty_v<ContiguousFormat> && std::is_empty_v<ChannelsLast>);

namespace detail::memory_format_rules {

HONE_POLICY_NEEDS(
    has_format, "a memory format policy", "static constexpr at::MemoryFormat format",
    std::same_as<P, ContiguousFormat> || requires {
      { P::format } -> std::convertible_to<at::MemoryFormat>;
    });
HONE_POLICY_NEEDS(has_num_dims, "a memory format policy", "static constexpr std::int64_t num_dims",
                  std::same_as<P, ContiguousFormat> || HasMemoryFormat<P>);

}  // namespace detail::memory_format_rules

template <>
struct SlotRequirements<slots::MemoryFormat>
    : detail::Requirements<detail::memory_format_rules::has_format, detail::memory_format_rules::has_num_dims> {};

}  // namespace hone
