// SPDX-License-Identifier: Apache-2.0
/// Checks of the memory layout of gradients. The fused kernels access raw memory without checks: a gradient must have
/// the strides of its parameter, and its memory must contain its values, unlike the memory of a lazily negated view.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone::detail {

/// Returns true for the common case: dense and contiguous, with the parameter's dtype, device and shape, not negated.
inline bool is_laid_out_alike(const at::Tensor& gradient, const at::Tensor& parameter) {
  return gradient.layout() == at::kStrided && gradient.dtype() == parameter.dtype() &&
         gradient.device() == parameter.device() && gradient.sizes() == parameter.sizes() && gradient.is_contiguous() &&
         parameter.is_contiguous() && !gradient.is_neg();
}

/// Checks a gradient for which `is_laid_out_alike` is false. Replaces a gradient that has other strides or is lazily
/// negated by a copy with the layout of the parameter.
///
/// **Errors** `DataError` for a gradient that is sparse, or whose dtype, device or shape differs from the parameter's.
[[gnu::noinline]] inline void adopt_gradient(at::Tensor& gradient, const at::Tensor& parameter, std::string_view name) {
  const auto refuse = [&](const std::string& what, const char* remedy) {
    throw DataError(format_message("The gradient of '{}' {}. {}", {name, what, remedy}));
  };
  if (gradient.layout() != at::kStrided) {
    refuse("is sparse, but the fused kernels need a dense gradient",
           "Build the layer with dense gradients (for an embedding: sparse(false)), or use a torch::optim optimizer.");
  }
  if (gradient.dtype() != parameter.dtype()) {
    refuse(format_message("is {}, but the parameter is {}",
                          {c10::toString(gradient.scalar_type()), c10::toString(parameter.scalar_type())}),
           "Convert the gradient to the parameter's type before the step.");
  }
  if (gradient.device() != parameter.device()) {
    refuse(format_message("is on {}, but the parameter is on {}", {gradient.device().str(), parameter.device().str()}),
           "Move the gradient to the parameter's device before the step.");
  }
  if (gradient.sizes() != parameter.sizes()) {
    refuse(format_message("has shape [{}], but the parameter has [{}]",
                          {joined(gradient.sizes(), ", "), joined(parameter.sizes(), ", ")}),
           "Give the gradient the parameter's shape before the step.");
  }
  bool fits = !gradient.is_neg();
  for (std::int64_t d = 0; d < parameter.dim(); ++d) {
    fits = fits && (parameter.size(d) == 1 || gradient.stride(d) == parameter.stride(d));
  }
  if (fits) return;
  const at::NoGradGuard no_grad;
  gradient = at::empty_like(parameter).copy_(gradient);
}

}  // namespace hone::detail
