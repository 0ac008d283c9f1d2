// SPDX-License-Identifier: Apache-2.0
/// Tensor operations of the metrics, as templates on the tensor type: this module does not include LibTorch.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

/// A type with `numel()` and `sizes()`, such as `at::Tensor`.
template <class T>
concept TensorLike = requires(const T& tensor) {
  tensor.numel();
  tensor.sizes();
};

template <class T>
using ScalarTypeOf = std::remove_cvref_t<decltype(std::declval<const T&>().scalar_type())>;

inline std::string listed(const auto& sizes) {
  std::string list;
  for (const auto size : sizes) list += (list.empty() ? "" : ", ") + std::to_string(size);
  return list;
}

/// Throws `DataError` unless outputs are scores `[batch, classes, ...]`, with at least `min_classes` classes, and the
/// target is class numbers `[batch, ...]`.
void require_class_scores(std::string_view metric, const auto& outputs, const auto& target,
                          std::int64_t min_classes = 1) {
  const auto scores = outputs.sizes();
  const auto classes = target.sizes();
  bool fits = scores.size() >= 2 && classes.size() + 1 == scores.size() && scores[1] >= min_classes;
  for (std::size_t i = 0; fits && i < classes.size(); ++i) fits = classes[i] == scores[i == 0 ? 0 : i + 1];
  if (fits) return;
  throw DataError(
      format_message("`{}` got outputs of shape [{}] and a target of shape [{}]. Pass scores [batch, classes, ...] "
                     "with {} or more classes, and class indices [batch, ...].",
                     {metric, listed(scores), listed(classes), min_classes}));
}

/// Returns whether two shapes are equal except for trailing dimensions of size 1.
bool same_elements(const auto& left, const auto& right) {
  const auto size = [](const auto& sizes, std::size_t i) -> std::int64_t { return i < sizes.size() ? sizes[i] : 1; };
  for (std::size_t i = 0; i < left.size() || i < right.size(); ++i) {
    if (size(left, i) != size(right, i)) return false;
  }
  return true;
}

/// Throws `DataError` unless there is one output for each target, as with the shapes `[batch, 1]` and `[batch]`.
void require_same_elements(std::string_view metric, const auto& outputs, const auto& target) {
  if (same_elements(outputs.sizes(), target.sizes())) return;
  throw DataError(
      format_message("`{}` got outputs of shape [{}] and a target of shape [{}]. Pass one target for each output.",
                     {metric, listed(outputs.sizes()), listed(target.sizes())}));
}

inline void require_same_length(std::string_view metric, std::size_t outputs, std::size_t targets) {
  if (outputs == targets) return;
  throw DataError(format_message("`{}` got {} outputs and {} targets. Pass one target for each output.",
                                 {metric, outputs, targets}));
}

inline void require_sums(std::string_view metric, std::size_t given, std::size_t expected) {
  if (given == expected) return;
  throw std::invalid_argument(
      format_message("`{}` got {} sums but has {}. Pass the result of `sums()`.", {metric, given, expected}));
}

inline void require_same_settings(std::string_view metric, bool same) {
  if (same) return;
  throw std::invalid_argument(format_message(
      "`{}` cannot be merged with a metric that has other settings. Use the same settings for both.", {metric}));
}

/// Returns class numbers in double or int64, which represent each of them exactly: in bfloat16, 257 equals 256, and in
/// uint8, -100 equals 156.
template <class Tensor>
Tensor class_numbers(const Tensor& target) {
  using Type = ScalarTypeOf<Tensor>;
  return target.to(target.is_floating_point() ? Type::Double : Type::Long);
}

/// Class numbers on the target's device, and a mask of the valid numbers that are not ignored. Counts invalid labels.
template <class Tensor>
struct Labels {
  Tensor classes;  ///< `[elements]`, int64, clamped to the range of classes where `counts` is false.
  Tensor counts;   ///< `[elements]`, bool: the mask.
  Tensor invalid;  ///< A scalar: the number of labels that are not class numbers and not ignored.

  Labels(const Tensor& target, std::int64_t num_classes, std::optional<std::int64_t> ignore_index)
      : classes(target.flatten().to(ScalarTypeOf<Tensor>::Long)) {
    auto wrong = classes.lt(0).logical_or_(classes.ge(num_classes));
    if (target.is_floating_point()) wrong.logical_or_(target.flatten().ne(classes));
    if (ignore_index) {
      const auto ignored = classes.eq(*ignore_index);
      wrong.logical_and_(ignored.logical_not());
      counts = wrong.logical_or(ignored).logical_not_();
    } else {
      counts = wrong.logical_not();
    }
    invalid = wrong.sum();
    classes = classes.clamp(0, num_classes - 1);
  }
};

inline void require_valid_labels(std::string_view metric, double num_invalid, std::int64_t num_classes) {
  if (num_invalid == 0.0) return;
  throw DataError(
      format_message("`{}` got {} targets that are not class indices from 0 to {}. Pass class indices, or set "
                     "`ignore_index` to the index to ignore.",
                     {metric, num_invalid, num_classes - 1}));
}

/// Returns the tensor `[first, rest...]` on the device of `first`, which is a tensor with one double. `rest` are
/// numbers or tensors with one element.
template <class Tensor, class... Rest>
Tensor row_of(const Tensor& first, const Rest&... rest) {
  auto row = first.new_empty({1 + static_cast<std::int64_t>(sizeof...(rest))});
  std::int64_t i = 0;
  row.select(0, i).copy_(first);
  const auto put = [&](const auto& number) {
    if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(number)>>) {
      row.select(0, ++i).fill_(number);
    } else {
      row.select(0, ++i).copy_(number);
    }
  };
  (put(rest), ...);
  return row;
}

/// Returns the elements of a tensor of doubles. **Cost** a copy to the host, which is a host synchronization.
template <class Tensor>
std::vector<double> read(const Tensor& row) {
  const auto host = row.cpu().contiguous().resolve_neg();
  const double* const first = host.template data_ptr<double>();
  return {first, first + host.numel()};
}

/// Adds a batch to a summable metric with a host synchronization.
void update(auto& metric, const auto& outputs, const auto& target) { metric.add(read(metric.add_up(outputs, target))); }

inline std::int64_t as_count(double sum) { return static_cast<std::int64_t>(std::llround(sum)); }

}  // namespace hone::detail
