// SPDX-License-Identifier: Apache-2.0
/// A hash of strings that is the same in every process and on every machine.
#pragma once

#include <cstdint>
#include <string_view>

namespace hone::detail {

/// Returns the 64-bit FNV-1a hash of `text`. If `seed` is the hash of another string, returns the hash of that string
/// followed by `text`. **Source** G. Fowler, L. C. Noll and K.-P. Vo (RFC 9923).
[[nodiscard]] constexpr std::uint64_t fnv1a(std::string_view text, std::uint64_t seed = 0xCBF29CE484222325U) {
  for (const char letter : text) seed = (seed ^ static_cast<unsigned char>(letter)) * 0x100000001B3U;
  return seed;
}

}  // namespace hone::detail
