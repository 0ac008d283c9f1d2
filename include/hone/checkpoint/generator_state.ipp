// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <mutex>
#include <string>

#include "hone/checkpoint/generator_state.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

HONE_INLINE at::Tensor generator_state(c10::Device device) {
  auto generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  return generator.get_state();
}

namespace detail {

HONE_INLINE void check_cpu_generator(const at::Tensor& state) {
  auto scratch = at::detail::createCPUGenerator();
  scratch.set_state(state);
  const auto engine = at::check_generator<at::CPUGeneratorImpl>(scratch)->engine().data();
  if (engine.left_ > 1 && engine.next_ + static_cast<unsigned>(engine.left_) > at::MERSENNE_STATE_N + 1) {
    throw DataError(
        "These bytes are not a state of the generator of cpu: its position is out of range. Load another file.");
  }
}

}  // namespace detail

HONE_INLINE void set_generator_state(const at::Tensor& state, c10::Device device) {
  auto generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  try {
    const auto bytes = state.clone();  // `set_state` requires a tensor that fills its storage
    if (device.is_cpu()) detail::check_cpu_generator(bytes);
    generator.set_state(bytes);
  } catch (const c10::Error& error) {
    throw DataError(format_message("These bytes are not a state of the generator of {}: {} Load another file.",
                                   {device.str(), error.what_without_backtrace()}));
  }
}

HONE_INLINE Dict generator_states(c10::Device device) {
  Dict states{{"cpu", generator_state()}};
  if (!device.is_cpu()) states.set(device.str(), generator_state(device));
  return states;
}

HONE_INLINE const at::Tensor* state_for(const Dict& states, c10::Device device) {
  if (states.contains(device.str())) return &states.get<at::Tensor>(device.str());
  const auto kind = c10::DeviceTypeName(device.type(), /*lower_case=*/true) + ":";
  for (const auto& [name, state] : states) {
    if (name.get<std::string>().starts_with(kind)) return &state.get<at::Tensor>();
  }
  return nullptr;
}

HONE_INLINE void set_generator_states(const Dict& states, c10::Device device) {
  set_generator_state(states.get<at::Tensor>("cpu"));
  if (device.is_cpu()) return;
  if (const auto* const state = state_for(states, device)) set_generator_state(*state, device);
}

}  // namespace hone
