// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#if defined(__x86_64__)
// Not immintrin.h, which includes all intrinsics: 20,000 lines with clang.
#include <smmintrin.h>
#include <wmmintrin.h>
#endif

#include "hone/checkpoint/checksum.hpp"
#include "hone/core/config.hpp"

namespace hone::detail {

#if defined(__x86_64__)

/// Returns x^n modulo the CRC-32 polynomial, in the form that a carry-less multiplication of reflected numbers needs.
consteval std::uint64_t fold_factor(unsigned n) {
  std::uint32_t power = 0x80000000U;  // x^0, the lowest power in the highest bit
  for (unsigned i = 0; i < n; ++i) power = power >> 1U ^ ((power & 1U) != 0 ? 0xEDB88320U : 0U);
  return std::uint64_t{power} << 1U;
}

[[gnu::target("pclmul,sse4.1")]] inline __m128i load_block(const std::uint8_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

[[gnu::target("pclmul,sse4.1")]] inline __m128i move_on(__m128i block, __m128i factors, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(block, factors, 0x00), high = _mm_clmulepi64_si128(block, factors, 0x11);
  return _mm_xor_si128(next, _mm_xor_si128(low, high));
}

/// Reduces `bytes` (a multiple of 64) to 16 bytes with the same remainder modulo the polynomial. `state` is the CRC
/// register before the first byte.
///
/// **Source** V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009:
/// multiplying the halves of a block by x^(n+32) and x^(n-32) moves it by n bits.
[[gnu::target("pclmul,sse4.1")]] inline std::array<std::uint8_t, 16> fold(std::span<const std::uint8_t> bytes,
                                                                          std::uint32_t state) {
  const __m128i by_512 =
      _mm_set_epi64x(static_cast<long long>(fold_factor(512 - 32)), static_cast<long long>(fold_factor(512 + 32)));
  const __m128i by_128 =
      _mm_set_epi64x(static_cast<long long>(fold_factor(128 - 32)), static_cast<long long>(fold_factor(128 + 32)));
  const std::uint8_t* from = bytes.data();
  const std::uint8_t* const end = from + bytes.size();
  __m128i a = _mm_xor_si128(load_block(from), _mm_cvtsi32_si128(std::bit_cast<int>(state)));
  __m128i b = load_block(from + 16), c = load_block(from + 32), d = load_block(from + 48);
  for (from += 64; from != end; from += 64) {
    a = move_on(a, by_512, load_block(from));
    b = move_on(b, by_512, load_block(from + 16));
    c = move_on(c, by_512, load_block(from + 32));
    d = move_on(d, by_512, load_block(from + 48));
  }
  a = move_on(move_on(move_on(a, by_128, b), by_128, c), by_128, d);
  std::array<std::uint8_t, 16> result{};
  std::memcpy(result.data(), &a, result.size());
  return result;
}

#endif

HONE_INLINE std::uint32_t crc32(std::span<const std::uint8_t> bytes, std::uint32_t before) {
  uLong crc = before;
#if defined(__x86_64__)
  if (bytes.size() >= 256 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
    const std::size_t folded = bytes.size() / 64 * 64;
    const auto rest = fold(bytes.first(folded), ~before);
    crc = ::crc32(0xFFFFFFFFU, rest.data(), static_cast<uInt>(rest.size()));  // zlib inverts this to a state of 0
    bytes = bytes.subspan(folded);
  }
#endif
  return static_cast<std::uint32_t>(::crc32_z(crc, bytes.data(), bytes.size()));
}

}  // namespace hone::detail
