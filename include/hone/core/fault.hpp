// SPDX-License-Identifier: Apache-2.0
/// Compile-time errors with one readable message. A function returns the error type of a fault inside a
/// `std::type_identity`, which does not instantiate it. The error type contains a failing `static_assert` with the
/// message.
#pragma once

#include <type_traits>

namespace hone::detail {

struct NoFault {};

/// True if `Fault::type` is `NoFault`; otherwise the compile-time error of the fault.
template <class Fault>
inline constexpr bool without_fault = sizeof(typename Fault::type) > 0;

}  // namespace hone::detail
