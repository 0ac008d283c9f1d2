// expect: hone: a type with overrides has a hook (`on_...`), but only callbacks have hooks. Move the hook to a callback, which is a type without overrides, and pass the callback to the constructor.
// SPDX-License-Identifier: Apache-2.0
/// A type with an override and a hook name of another framework.
#include "hone/core/compatibility.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  void backward(auto&, auto&) {}
#ifndef FIXED
  void on_train_batch_end(const auto&) {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
