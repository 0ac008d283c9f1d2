// SPDX-License-Identifier: Apache-2.0
/// Values as bytes, to send to other ranks, and the difference between the values of two ranks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hone/checkpoint/value.hpp"

namespace hone {

/// Returns `value` as bytes. Deterministic: the same value gives the same bytes.
///
/// **Errors** `std::invalid_argument` for an entry that PyTorch's format cannot store.
[[nodiscard]] std::string to_bytes(const Value& value);

/// Returns the value in bytes from `packed`. Tensors are copies, on the CPU.
///
/// **Errors** `DataError` for bytes that are truncated or do not contain a value.
[[nodiscard]] Value from_bytes(std::string_view bytes);

namespace detail {

/// Returns a 64-bit hash (FNV-1a) of `to_bytes(value)`.
[[nodiscard]] std::int64_t print_of(const Value& value);

[[nodiscard]] bool have_same_keys(const Dict& a, const Dict& b);

}  // namespace detail

/// Returns `value` with the hash of each entry that is not a dictionary in its place: the `base` of `difference`.
[[nodiscard]] Value leaf_hashes(const Value& value);

/// Returns the difference of `value` from the value whose hashes (`leaf_hashes`) are `base`; nothing if they are equal. For
/// dictionaries with the same keys, the difference is a dictionary of the entries that differ. Any other value that
/// differs is stored as a whole, in a tuple of one.
[[nodiscard]] std::optional<Value> diff(const Value& value, const Value& base);

/// Returns the value whose `difference` from `base` is `other`. Here, `base` is the value itself, not its hashes.
///
/// **Errors** `DataError` if `other` has an entry that `base` lacks, or is not a difference.
[[nodiscard]] Value patched(const Value& base, const Value& other);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/bytes.ipp"
#endif
