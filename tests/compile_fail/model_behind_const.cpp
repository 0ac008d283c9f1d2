// expect: hone: this handle refers to a const model, which cannot be moved to a device, switched between training and evaluation, or trained. Pass a handle to a non-const model.
// SPDX-License-Identifier: Apache-2.0
/// A smart pointer to a const model.
#include <memory>

#include "hone/callbacks/callback_set.hpp"
#include "hone/core/compatibility.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};

#ifdef FIXED
using Handle = const std::shared_ptr<Model>;
#else
using Handle = std::shared_ptr<const Model>;
#endif

static_assert(hone::checked_compatibility<Handle, Loss, Optimizer>);
