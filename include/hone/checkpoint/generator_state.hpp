// SPDX-License-Identifier: Apache-2.0
/// The states of LibTorch's random number generators.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "hone/checkpoint/value.hpp"

namespace hone {

/// Returns the state of a device's default generator, as `torch.get_rng_state()` in Python. Locks the generator.
///
/// **Shapes** a uint8 tensor, on the CPU.
[[nodiscard]] at::Tensor generator_state(c10::Device device = c10::kCPU);

namespace detail {

/// Throws `DataError` if the Mersenne Twister's remaining numbers, counted from its position, extend beyond its 624
/// numbers. LibTorch checks position and count only separately, and would read out of bounds.
void check_cpu_generator(const at::Tensor& state);

}  // namespace detail

/// Restores a device's default generator to a state returned by `generator_state`. Locks the generator.
///
/// **Errors** `DataError` for bytes that are not a state of this device's generator.
void set_generator_state(const at::Tensor& state, c10::Device device = c10::kCPU);

/// Returns the states of the default generators of the CPU and of `device`, by the device's name.
[[nodiscard]] Dict generator_states(c10::Device device);

/// Returns the state of `device` in `states`, else the first one of a device of the same type, on which the run was
/// saved. Null if `states` has neither.
[[nodiscard]] const at::Tensor* state_for(const Dict& states, c10::Device device);

/// Restores the default generators of the CPU and of `device`. Leaves the generator of `device` unchanged if `states`
/// has no device of its type.
///
/// **Errors** `DataError` if `states` has no entry `cpu`, or as `set_generator_state`.
void set_generator_states(const Dict& states, c10::Device device);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/checkpoint/generator_state.ipp"
#endif
