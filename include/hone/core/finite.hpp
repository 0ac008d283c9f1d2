// SPDX-License-Identifier: Apache-2.0
/// NaN and infinity under every compiler flag. `-ffast-math` and `-Ofast` let a compiler assume that neither occurs:
/// `std::isnan` and `std::isfinite` become constants, `!(x > 0)` becomes `x <= 0`, and a function that returns a
/// constant NaN returns anything. These functions test bits, which a compiler may assume nothing about.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace hone::detail {

template <std::floating_point T>
  requires(sizeof(T) <= sizeof(std::uint64_t))
using BitsOf = std::conditional_t<sizeof(T) == sizeof(std::uint32_t), std::uint32_t, std::uint64_t>;

/// Hides where `bits` come from: optimizers recognize a bit test of a floating-point number and fold it too.
template <class Bits>
[[gnu::always_inline]] constexpr Bits opaque(Bits bits) {
  if (!std::is_constant_evaluated()) {
    asm("" : "+r"(bits));
  }
  return bits;
}

/// The bits of a number without its sign: those of infinity are the smallest that no finite number has, and larger
/// ones are NaN. By reference: under `-ffast-math`, clang marks parameters as never NaN.
template <std::floating_point T>
[[gnu::always_inline]] constexpr BitsOf<T> magnitude_bits(const T& value) {
  return opaque(std::bit_cast<BitsOf<T>>(value)) & static_cast<BitsOf<T>>(~BitsOf<T>{0} >> 1U);
}
template <std::floating_point T>
inline constexpr BitsOf<T> infinity_bits =
    sizeof(T) == sizeof(std::uint32_t) ? static_cast<BitsOf<T>>(0x7F800000U)
                                       : static_cast<BitsOf<T>>(0x7FF0000000000000U);

template <std::floating_point T>
[[nodiscard, gnu::always_inline]] constexpr bool is_nan(const T& value) {
  return magnitude_bits(value) > infinity_bits<T>;
}
template <std::floating_point T>
[[nodiscard, gnu::always_inline]] constexpr bool is_infinite(const T& value) {
  return magnitude_bits(value) == infinity_bits<T>;
}
template <std::floating_point T>
[[nodiscard, gnu::always_inline]] constexpr bool is_finite(const T& value) {
  return magnitude_bits(value) < infinity_bits<T>;
}

/// NaN, as a number that no optimizer recognizes.
[[nodiscard, gnu::always_inline]] constexpr double quiet_nan() {
  return std::bit_cast<double>(opaque(std::uint64_t{0x7FF8000000000000U}));
}

}  // namespace hone::detail
