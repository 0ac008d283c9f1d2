// SPDX-License-Identifier: Apache-2.0
/// How the elements of images lie in memory.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `ContiguousFormat` | the default: tensors lie as they are | none |
/// | `ChannelsLast` | for convolutions over images, `[batch, channels, height, width]` | none |
/// | `ChannelsLast3d` | for convolutions over volumes | none |
#pragma once

#include <c10/core/MemoryFormat.h>

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// Answers how tensors lie in memory.
template <class P>
concept MemoryFormatPolicy = PolicyFor<P, slots::MemoryFormat>;

/// Optional ability: tensors with `P::num_dims` dimensions are brought into `P::format`: the model's parameters and
/// buffers when the trainer is made, the batches when they arrive.
template <class P>
concept ArrangesTensors = MemoryFormatPolicy<P> && requires {
  { P::format } -> std::convertible_to<at::MemoryFormat>;
  { P::num_dims } -> std::convertible_to<std::int64_t>;
};

/// Everything lies as it was made.
struct ContiguousFormat {
  using slot = slots::MemoryFormat;
};

/// The channels of a pixel lie side by side. A dataset in this format (`images.contiguous(at::MemoryFormat::ChannelsLast)`)
/// is gathered in it; batches in another are copied, one copy a step. Shapes stay as they are.
///
/// **Source** PyTorch's `torch.channels_last`.
struct ChannelsLast {
  using slot = slots::MemoryFormat;
  static constexpr at::MemoryFormat format = at::MemoryFormat::ChannelsLast;
  static constexpr std::int64_t num_dims = 4;
};

/// The same for `[batch, channels, depth, height, width]`.
struct ChannelsLast3d {
  using slot = slots::MemoryFormat;
  static constexpr at::MemoryFormat format = at::MemoryFormat::ChannelsLast3d;
  static constexpr std::int64_t num_dims = 5;
};
static_assert(!ArrangesTensors<ContiguousFormat> && ArrangesTensors<ChannelsLast> && ArrangesTensors<ChannelsLast3d>);
static_assert(std::is_empty_v<ContiguousFormat> && std::is_empty_v<ChannelsLast>);

namespace detail::memory_format_rules {

HONE_POLICY_NEEDS(
    has_format, "a memory format policy", "static constexpr at::MemoryFormat format",
    std::same_as<P, ContiguousFormat> || requires {
      { P::format } -> std::convertible_to<at::MemoryFormat>;
    });
HONE_POLICY_NEEDS(has_num_dims, "a memory format policy", "static constexpr std::int64_t num_dims",
                  std::same_as<P, ContiguousFormat> || ArrangesTensors<P>);

}  // namespace detail::memory_format_rules

template <>
struct SlotRequirements<slots::MemoryFormat>
    : detail::Requirements<detail::memory_format_rules::has_format, detail::memory_format_rules::has_num_dims> {};

}  // namespace hone
