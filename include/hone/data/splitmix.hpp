// SPDX-License-Identifier: Apache-2.0
/// A small generator whose numbers are the same on every machine and in every standard library.
#pragma once

#include <cstdint>

namespace hone {

/// Spreads a 64-bit number over all 64 bits; one to one, so different numbers stay different.
///
/// **Source** S. Vigna's splitmix64, after Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31U);
}

/// The seed of stream `stream` of a family of streams: a function of both numbers alone.
[[nodiscard]] constexpr std::uint64_t stream_seed(std::uint64_t seed, std::uint64_t stream) {
  return mix64(mix64(seed) ^ stream);
}

/// A stream of numbers that depends on its seed only.
class SplitMix64 {
 public:
  constexpr explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() {
    const auto value = mix64(state_);
    state_ += 0x9E3779B97F4A7C15U;
    return value;
  }

  /// An integer from `low` to `high`, both included; the ranges here are so small that the bias is beyond notice.
  constexpr std::int64_t between(std::int64_t low, std::int64_t high) {
    const auto choices = static_cast<std::uint64_t>(high - low) + 1;
    return low + static_cast<std::int64_t>((next() >> 32U) * choices >> 32U);
  }

 private:
  std::uint64_t state_;
};

static_assert(mix64(0) == 0xE220A8397B1DCDAFU);

}  // namespace hone
