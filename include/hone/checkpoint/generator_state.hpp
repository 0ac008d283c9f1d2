// SPDX-License-Identifier: Apache-2.0
/// The states of LibTorch's random number generators.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "hone/checkpoint/value.hpp"

namespace hone {

/// The state of a device's global generator, as `torch.get_rng_state()` of Python gives it.
///
/// **Shapes** a tensor of bytes, on the CPU.
[[nodiscard]] at::Tensor generator_state(c10::Device device = c10::kCPU);

namespace detail {

/// LibTorch looks at the place in the Mersenne Twister and at what is left of its numbers one by one. Together they
/// have to keep to its 624 numbers, or it would read beyond them.
void check_cpu_generator(const at::Tensor& state);

}  // namespace detail

/// Brings a device's global generator to a state of `generator_state`.
///
/// **Errors** `DataError` for bytes that are none.
void set_generator_state(const at::Tensor& state, c10::Device device = c10::kCPU);

/// Those of the CPU and of `device`, by the device's name.
[[nodiscard]] Dict generator_states(c10::Device device);

/// What those states have for `device`: its own, else that of another one of its kind, on which the run was before.
/// Null when there is neither.
[[nodiscard]] const at::Tensor* state_for(const Dict& states, c10::Device device);

/// Brings those generators back; a kind of device that the states do not name is left as it is.
void set_generator_states(const Dict& states, c10::Device device);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/generator_state.ipp"
#endif
