// SPDX-License-Identifier: Apache-2.0
/// Step events like the trainer's, with a number in place of the loss tensor.
#pragma once

#include <cstdint>

#include "hone/callbacks/events.hpp"

namespace hone {

struct FakeLoss {
  double value = 0.0;
  int* num_reads = nullptr;

  template <class T>
  [[nodiscard]] T item() const {
    if (num_reads) ++*num_reads;
    return static_cast<T>(value);
  }
};

struct FakeOutput {
  FakeLoss loss{};
  std::int64_t batch_size = 1;
};

template <class E>
using FakeStep = EventContext<E, WithOutput<FakeOutput>>;

template <class E>
void tell_step(auto& callbacks, Run& run, const FakeOutput& output) {
  callbacks.notify(FakeStep<E>{{{run}}, {output}});
}

}  // namespace hone
