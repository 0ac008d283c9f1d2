// SPDX-License-Identifier: Apache-2.0
/// How a wrong type gives one readable error. A function returns the type of the fault as a `std::type_identity`, so
/// that nothing is instantiated; the definition of that type holds a failing `static_assert` with the message.
#pragma once

#include <type_traits>

namespace hone::detail {

struct NoFault {};

/// True for `std::type_identity<NoFault>`; else the error of the fault.
template <class Fault>
inline constexpr bool without_fault = sizeof(typename Fault::type) > 0;

}  // namespace hone::detail
