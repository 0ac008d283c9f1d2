// SPDX-License-Identifier: Apache-2.0
/// What is known of the training steps at one place of an accumulation window.
#pragma once

#include <ATen/core/Tensor.h>

#include <any>
#include <memory>
#include <type_traits>
#include <vector>

#include "hone/capture/batch_shapes.hpp"
#include "hone/data/batch.hpp"

namespace hone::detail {

/// The steps at one place of a window, and their recording.
template <class Recording>
struct RecordedSteps {
  BatchShapes shapes;  // of the batches that are, or are to be, recorded
  int num_warm = 0;    // steps of those shapes since something changed
  int num_others = 0;  // steps of other shapes in a row
  std::any batch;      // what the recording reads
  std::vector<at::Tensor> inputs;
  std::any output;  // what it writes
  std::unique_ptr<Recording> first, second;
  std::vector<at::Tensor> gradients;  // where the begin of a window leaves them

  template <class Batch>
  [[nodiscard]] bool takes(const Batch& given) const {
    return first != nullptr && shapes.are_of(given) && std::any_cast<std::remove_const_t<Batch>>(&batch) != nullptr;
  }
};

/// Those behind the tensors have done their work.
template <class Output>
void forget_operators(Output& output) {
  output.loss = output.loss.detach();
  if constexpr (requires { requires HoldsTensors<decltype(output.outputs)>; }) {
    for_each_tensor(output.outputs, [](at::Tensor& tensor) {
      if (tensor.defined()) tensor = tensor.detach();
    });
  }
}

}  // namespace hone::detail
