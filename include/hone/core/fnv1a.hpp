// SPDX-License-Identifier: Apache-2.0
/// One hash for texts: the same number for the same text, in every process and on every machine.
#pragma once

#include <cstdint>
#include <string_view>

namespace hone::detail {

/// **Source** FNV-1a, 64 bits, of G. Fowler, L. C. Noll and K.-P. Vo (RFC 9923). With `seed` the hash of another text,
/// it is that of both, one after the other.
[[nodiscard]] constexpr std::uint64_t fnv1a(std::string_view text, std::uint64_t seed = 0xCBF29CE484222325U) {
  for (const char letter : text) seed = (seed ^ static_cast<unsigned char>(letter)) * 0x100000001B3U;
  return seed;
}

}  // namespace hone::detail
