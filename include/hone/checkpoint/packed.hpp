// SPDX-License-Identifier: Apache-2.0
/// Values as bytes, for another process, and what makes one process's value differ from another's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hone/checkpoint/value.hpp"

namespace hone {

/// `value` as bytes. The same value gives the same bytes.
///
/// **Errors** `std::invalid_argument` for an entry that a checkpoint does not hold.
[[nodiscard]] std::string packed(const Value& value);

/// The value of `packed`. Tensors are copies, on the CPU.
///
/// **Errors** `DataError` for bytes that are none.
[[nodiscard]] Value unpacked(std::string_view bytes);

namespace detail {

/// The same number for the same value; another one for another value, but for an accident.
[[nodiscard]] std::int64_t print_of(const Value& value);

[[nodiscard]] bool have_same_keys(const Dict& a, const Dict& b);

}  // namespace detail

/// In place of each entry that is no dictionary a number: what `difference` needs of another process's value.
[[nodiscard]] Value prints(const Value& value);

/// What makes `value` differ from the one that `base` are the prints of; nothing where they are the same. A dictionary
/// has the entries that differ; what is other as a whole is a tuple of one.
[[nodiscard]] std::optional<Value> difference(const Value& value, const Value& base);

/// The value whose `difference` from `base` is `other`.
///
/// **Errors** `DataError` where they do not belong together.
[[nodiscard]] Value overlaid(const Value& base, const Value& other);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/packed.ipp"
#endif
