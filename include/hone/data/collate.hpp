// SPDX-License-Identifier: Apache-2.0
/// `default_collate`, the default collate function.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/batch.hpp"

namespace hone {

namespace detail {

template <class T>
concept Number = std::is_arithmetic_v<T>;

/// True if `default_collate` can stack samples, or parts of samples, of type `T`.
template <class T>
consteval bool stackable() {
  if constexpr (std::is_same_v<T, at::Tensor> || Number<T>) {
    return true;
  } else if constexpr (is_vector<T>) {
    return stackable<typename T::value_type>() && !Number<typename T::value_type>;
  } else if constexpr (Structured<T>) {
    return []<class... Parts>(std::type_identity<std::tuple<Parts&...>>) {
      return sizeof...(Parts) > 0 && (stackable<std::remove_const_t<Parts>>() && ...);
    }(std::type_identity<MembersOf<T>>{});
  } else {
    return false;
  }
}

/// True if a batch of samples of type `T` has type `T` as well, because no part of `T` is a number.
template <class T>
consteval bool stacks_to_itself() {
  if constexpr (Number<T>) {
    return false;
  } else if constexpr (is_vector<T>) {
    return stacks_to_itself<typename T::value_type>();
  } else if constexpr (Structured<T>) {
    return []<class... Parts>(std::type_identity<std::tuple<Parts&...>>) {
      return (stacks_to_itself<std::remove_const_t<Parts>>() && ...);
    }(std::type_identity<MembersOf<T>>{});
  } else {
    return true;
  }
}

/// The type of stacked numbers: int64 for integers, as class indices require, else bool, float or double.
template <Number T>
using StackedNumber = std::conditional_t<std::is_same_v<T, bool> || std::is_same_v<T, float>, T,
                                         std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>>;

inline at::Tensor stack_tensors(const std::vector<at::Tensor>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].defined()) throw DataError(format_message("Sample {} of a batch has an undefined tensor.", {i}));
    if (parts[i].sizes() != parts[0].sizes()) {
      const auto shape = [](const at::Tensor& tensor) {
        std::string text;
        for (const auto size : tensor.sizes()) text += format_message("{}{}", {text.empty() ? "" : ", ", size});
        return text;
      };
      throw DataError(
          format_message("Sample {} of a batch has shape [{}], but sample 0 has [{}]. Return samples of the same "
                         "shape, or pass a collate function that pads them.",
                         {i, shape(parts[i]), shape(parts[0])}));
    }
  }
  return at::stack(parts);
}

/// Stacks `part(sample)`, which has type `T`, of all samples.
template <class T, class Sample, class Part>
auto stack_parts(const std::vector<Sample>& samples, const Part& part) {
  if constexpr (std::is_same_v<T, at::Tensor>) {
    std::vector<at::Tensor> parts;
    parts.reserve(samples.size());
    for (const auto& sample : samples) parts.push_back(part(sample));
    return stack_tensors(parts);
  } else if constexpr (Number<T>) {
    using Element = StackedNumber<T>;
    auto stacked = at::empty({static_cast<std::int64_t>(samples.size())}, c10::CppTypeToScalarType<Element>::value);
    auto* element = stacked.template mutable_data_ptr<Element>();
    for (const auto& sample : samples) *element++ = static_cast<Element>(part(sample));
    return stacked;
  } else if constexpr (is_vector<T>) {
    const auto count = part(samples.front()).size();
    for (const auto& sample : samples) {
      if (part(sample).size() != count) {
        throw DataError(
            format_message("A sample of a batch has {} tensors, but the first sample has {}. Return the same number of "
                           "tensors for each sample, or pass a collate function that pads them.",
                           {part(sample).size(), count}));
      }
    }
    using Element = typename T::value_type;
    std::vector<decltype(stack_parts<Element>(samples, [&](const Sample& s) -> auto& { return part(s)[0]; }))> stacked;
    stacked.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      stacked.push_back(stack_parts<Element>(samples, [&](const Sample& s) -> auto& { return part(s)[i]; }));
    }
    return stacked;
  } else {
    constexpr auto count = std::tuple_size_v<MembersOf<T>>;
    auto stacked = [&]<std::size_t... index>(std::index_sequence<index...>) {
      return std::tuple{stack_parts<std::remove_cvref_t<std::tuple_element_t<index, MembersOf<T>>>>(
          samples, [&](const Sample& s) -> auto& { return std::get<index>(members(part(s))); })...};
    }(std::make_index_sequence<count>{});
    if constexpr (stacks_to_itself<T>()) {
      T whole = part(samples.front());
      members(whole) = std::move(stacked);
      return whole;
    } else if constexpr (count == 2 && !HanaStruct<T>) {
      return std::pair{std::get<0>(std::move(stacked)), std::get<1>(std::move(stacked))};
    } else {
      return stacked;
    }
  }
}

}  // namespace detail

/// A sample that `default_collate` can stack: a tensor, a number, or a pair, tuple, array, `torch::data::Example`, vector
/// or Hana-adapted struct of such parts. The element type of a vector must not be a number.
template <class Sample>
concept Stackable = detail::stackable<Sample>();

/// Stacks samples along a new first dimension. Numbers become a tensor `[samples]`, of int64 for all integers but bool.
///
/// The batch has the type of the sample if no part of the sample is a number. Otherwise, a Hana-adapted struct becomes
/// a `std::tuple`, any other type with two members a `std::pair` and with another number of members a `std::tuple`. A
/// vector becomes a vector of stacked elements.
///
/// **Errors** `DataError` for no sample, an undefined tensor, tensors of different shapes or vectors of different
/// sizes.
template <Stackable Sample>
[[nodiscard]] auto default_collate(const std::vector<Sample>& samples) {
  if (samples.empty()) throw DataError("The batch has no samples to collate. Pass at least one.");
  return detail::stack_parts<Sample>(samples, [](const Sample& sample) -> auto& { return sample; });
}

/// A function object that calls `default_collate`; the default collate function of `IndexedLoader`.
struct DefaultCollate {
  template <Stackable Sample>
  [[nodiscard]] auto operator()(const std::vector<Sample>& samples) const {
    return default_collate(samples);
  }
};

}  // namespace hone
