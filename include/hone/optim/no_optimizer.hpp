// SPDX-License-Identifier: Apache-2.0
/// The optimizer of a trainer that only evaluates and predicts.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace hone {

/// An optimizer without parameters. A trainer with this optimizer cannot train.
///
/// **Example** `hone::Trainer{model, torch::nn::CrossEntropyLoss{}, hone::NoOptimizer{}}.evaluate(test_set)`
struct NoOptimizer {
  static at::TensorList collect_gradients() { return {}; }
  static at::TensorList gradients() { return {}; }
  static at::TensorList parameters() { return {}; }
  static void step() {}
  static void zero_grad(bool /*set_to_none*/ = true) {}
  static void set_lr(double) {}
  static void set_lr(std::size_t, double) {}
  [[nodiscard]] static double lr(std::size_t = 0) { return refuse_group(); }
  [[nodiscard]] static double base_lr(std::size_t) { return refuse_group(); }
  [[nodiscard]] static std::size_t num_groups() { return 0; }
  [[nodiscard]] static std::int64_t num_updates() { return 0; }

 private:
  [[noreturn]] static double refuse_group() {
    throw std::out_of_range("NoOptimizer has no parameter groups, so it has no learning rate.");
  }
};

}  // namespace hone
