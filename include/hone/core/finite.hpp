// SPDX-License-Identifier: Apache-2.0
/// Tests for NaN and infinity that work under every compiler flag. With `-ffast-math` or `-Ofast`, a compiler assumes
/// that neither occurs: `std::isnan` and `std::isfinite` become constants, `!(x > 0)` becomes `x <= 0`, and a function
/// that returns a constant NaN returns an arbitrary value. These functions test bits, about which a compiler assumes
/// nothing.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace hone::detail {

template <std::floating_point T>
  requires(sizeof(T) <= sizeof(std::uint64_t))
using BitsOf = std::conditional_t<sizeof(T) == sizeof(std::uint32_t), std::uint32_t, std::uint64_t>;

/// Hides the origin of `bits` from the optimizer, which otherwise recognizes and folds the bit test of a floating-point
/// number.
template <class Bits>
[[gnu::always_inline]] constexpr Bits opaque(Bits bits) {
  if (!std::is_constant_evaluated()) {
    asm("" : "+r"(bits));
  }
  return bits;
}

/// Returns the bits of a number without its sign. They are below `infinity_bits` for finite numbers and above for NaN.
/// `value` is a reference, because under `-ffast-math` clang marks floating-point parameters as never NaN.
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

/// Returns NaN, as a value that the optimizer does not recognize.
[[nodiscard, gnu::always_inline]] constexpr double quiet_nan() {
  return std::bit_cast<double>(opaque(std::uint64_t{0x7FF8000000000000U}));
}

}  // namespace hone::detail
