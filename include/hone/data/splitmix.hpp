// SPDX-License-Identifier: Apache-2.0
/// A small random number generator with the same output on every platform and with every standard library.
#pragma once

#include <cstdint>

namespace hone {

/// Mixes the bits of a 64-bit number. The function is a bijection, so different numbers have different results.
///
/// **Source** S. Vigna's splitmix64, after Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31U);
}

/// Returns the seed of stream `stream` in the family of streams `seed`; depends on these two numbers only.
[[nodiscard]] constexpr std::uint64_t stream_seed(std::uint64_t seed, std::uint64_t stream) {
  return mix64(mix64(seed) ^ stream);
}

/// A generator of 64-bit random numbers that depend on its seed only.
class SplitMix64 {
 public:
  constexpr explicit SplitMix64(std::uint64_t seed) : state_(seed) {}  ///< Starts the sequence of `seed`.

  /// Returns the next number, from all 2^64.
  constexpr std::uint64_t next() {
    const auto value = mix64(state_);
    state_ += 0x9E3779B97F4A7C15U;
    return value;
  }

  /// Returns one of the n integers in `[low, high]`, for n up to 2^32. The relative bias is below n / 2^32.
  constexpr std::int64_t between(std::int64_t low, std::int64_t high) {
    const auto choices = static_cast<std::uint64_t>(high - low) + 1;
    return low + static_cast<std::int64_t>((next() >> 32U) * choices >> 32U);
  }

 private:
  std::uint64_t state_;
};

static_assert(mix64(0) == 0xE220A8397B1DCDAFU);

}  // namespace hone
