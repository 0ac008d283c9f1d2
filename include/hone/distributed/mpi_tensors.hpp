// SPDX-License-Identifier: Apache-2.0
/// Checks and helpers for the tensors that MPI can send: dense CPU tensors.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "hone/core/format_message.hpp"

namespace hone::detail {

inline void check_cpu(const at::Tensor& tensor, const char* collective) {
  if (tensor.defined() && tensor.is_cpu() && tensor.layout() == at::kStrided) return;
  throw std::invalid_argument(
      format_message("{} over MPI needs dense CPU tensors, but got {}. Move the tensor to the CPU, or use NCCL.",
                     {collective, !tensor.defined() ? std::string("an undefined tensor")
                                  : tensor.is_cpu() ? std::string("a sparse tensor")
                                                    : "a tensor on " + tensor.device().str()}));
}

inline at::Tensor only(const std::vector<at::Tensor>& tensors, const char* collective) {
  if (tensors.size() != 1) {
    throw std::invalid_argument(
        format_message("{} over MPI needs one tensor, but got {}.", {collective, tensors.size()}));
  }
  check_cpu(tensors[0], collective);
  return tensors[0];
}

inline void check_same(const at::Tensor& large, const at::Tensor& small, std::int64_t times, const char* collective) {
  check_cpu(large, collective);
  if (large.scalar_type() == small.scalar_type() && large.numel() == times * small.numel()) return;
  throw std::invalid_argument(format_message("{} got a tensor of {} {} elements, but needs {} {} elements.",
                                             {collective, large.numel(), c10::toString(large.scalar_type()),
                                              times * small.numel(), c10::toString(small.scalar_type())}));
}
/// Returns the tensor itself if it is contiguous, without a pending conjugation or negation, else a contiguous copy.
inline at::Tensor densely(const at::Tensor& tensor) {
  const at::NoGradGuard no_grad;
  return tensor.resolve_conj().resolve_neg().contiguous();
}

inline void detach_process_group(const at::Tensor& dense, const at::Tensor& tensor) {
  if (!dense.is_same(tensor)) tensor.copy_(dense);
}

/// Returns the address of a byte of a dense tensor.
inline char* byte(const at::Tensor& tensor, std::int64_t at) { return static_cast<char*>(tensor.data_ptr()) + at; }
/// Returns the address of an element of a dense tensor.
inline char* element(const at::Tensor& tensor, std::int64_t at) {
  return byte(tensor, at * static_cast<std::int64_t>(tensor.element_size()));
}

}  // namespace hone::detail
