// SPDX-License-Identifier: Apache-2.0
/// The captured training steps at one position of a gradient accumulation window.
#pragma once

#include <ATen/core/Tensor.h>

#include <any>
#include <memory>
#include <type_traits>
#include <vector>

#include "hone/capture/batch_shapes.hpp"
#include "hone/data/batch.hpp"

namespace hone::detail {

/// The steps at one position of a window, and their captured graphs.
template <class Recording>
struct CapturedSteps {
  BatchShapes shapes;  // of the batches that are, or will be, captured
  int num_warm = 0;    // eager steps of these shapes since the last change
  int num_others = 0;  // consecutive steps of other shapes
  std::any batch;      // the input tensors of the graph
  std::vector<at::Tensor> inputs;
  std::any output;  // the output tensors of the graph
  std::unique_ptr<Recording> first, second;
  std::vector<at::Tensor> gradients;  // the tensors to which the first batch of a window writes them

  template <class Batch>
  [[nodiscard]] bool takes(const Batch& given) const {
    return first != nullptr && shapes.are_of(given) && std::any_cast<std::remove_const_t<Batch>>(&batch) != nullptr;
  }
};

/// Detaches the tensors of an output, which frees their autograd graph.
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
