// SPDX-License-Identifier: Apache-2.0
/// The names of dtypes in PyTorch's pickles, and checked views of storages for untrusted shapes.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <c10/core/Storage.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

/// A dtype. One without a storage class in Python is written by name, over an untyped storage.
struct ElementType {
  at::ScalarType type;
  std::string_view dtype;    // torch.<dtype>
  std::string_view storage;  // torch.<storage>, or empty
};

inline constexpr std::array<ElementType, 22> element_types{{
    {at::kFloat, "float32", "FloatStorage"},
    {at::kDouble, "float64", "DoubleStorage"},
    {at::kHalf, "float16", "HalfStorage"},
    {at::kBFloat16, "bfloat16", "BFloat16Storage"},
    {at::kLong, "int64", "LongStorage"},
    {at::kInt, "int32", "IntStorage"},
    {at::kShort, "int16", "ShortStorage"},
    {at::kChar, "int8", "CharStorage"},
    {at::kByte, "uint8", "ByteStorage"},
    {at::kBool, "bool", "BoolStorage"},
    {at::kComplexFloat, "complex64", "ComplexFloatStorage"},
    {at::kComplexDouble, "complex128", "ComplexDoubleStorage"},
    {at::kUInt16, "uint16", ""},
    {at::kUInt32, "uint32", ""},
    {at::kUInt64, "uint64", ""},
    {at::kComplexHalf, "complex32", ""},
    {at::kFloat8_e5m2, "float8_e5m2", ""},
    {at::kFloat8_e4m3fn, "float8_e4m3fn", ""},
    {at::kFloat8_e5m2fnuz, "float8_e5m2fnuz", ""},
    {at::kFloat8_e4m3fnuz, "float8_e4m3fnuz", ""},
    {at::kFloat8_e8m0fnu, "float8_e8m0fnu", ""},
    {at::kFloat4_e2m1fn_x2, "float4_e2m1fn_x2", ""},
}};

/// Returns the first entry of the table for which `test` is true, or null. The table lacks quantized dtypes.
template <class Test>
const ElementType* find_element_type(Test test) {
  const auto* found = std::find_if(element_types.begin(), element_types.end(), test);
  return found == element_types.end() ? nullptr : found;
}

/// Returns `a * b`, or nothing if `a` or `b` is negative or the product overflows int64.
inline std::optional<std::int64_t> product(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

/// Returns a view of `storage`, after checking that all of its elements are in the storage.
///
/// **Errors** `DataError` for negative or overflowing numbers, for more than 64 dimensions, and for a view that exceeds
/// the storage.
inline at::Tensor make_view(const c10::Storage& storage, at::ScalarType type, std::int64_t offset,
                            std::span<const std::int64_t> sizes, std::span<const std::int64_t> strides) {
  const auto refuse = [&](std::string_view what) {
    throw DataError(
        format_message("has a tensor of shape [{}], strides [{}] and offset {} over {} bytes: {}. Use another copy.",
                       {joined(sizes, ", "), joined(strides, ", "), offset, storage.nbytes(), what}));
  };
  constexpr std::size_t most_dimensions = 64;
  if (sizes.size() > most_dimensions)
    throw DataError(format_message("has a tensor of {} dimensions. The limit is {}.", {sizes.size(), most_dimensions}));
  if (sizes.size() != strides.size()) refuse("the numbers of sizes and strides differ");
  std::optional<std::int64_t> count = 1, last = offset;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    if (sizes[d] < 0 || strides[d] < 0) refuse("a size or stride is negative");
    if (count) count = product(*count, std::max<std::int64_t>(sizes[d], 1));
    const auto reach = product(std::max<std::int64_t>(sizes[d] - 1, 0), strides[d]);
    std::int64_t sum = 0;
    if (!last || !reach || __builtin_add_overflow(*last, *reach, &sum))
      last.reset();
    else
      last = sum;
  }
  const auto item = static_cast<std::int64_t>(c10::elementSize(type));
  if (offset < 0) refuse("the offset is negative");
  if (!count || !last || !product(*count, item)) refuse("it is too large");
  const bool empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
  const std::int64_t available = static_cast<std::int64_t>(storage.nbytes()) / item;
  if (empty ? offset > available : *last >= available) refuse("it extends beyond them");
  return at::empty({0}, at::TensorOptions().dtype(type))
      .set_(storage, offset, at::IntArrayRef(sizes.data(), sizes.size()),
            at::IntArrayRef(strides.data(), strides.size()));
}

}  // namespace hone::detail
