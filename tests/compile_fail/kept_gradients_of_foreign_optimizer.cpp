// expect: hone: KeepGradients calls `zero_grad(false)`, which this optimizer does not have. Add `void zero_grad(bool set_to_none)` to it, or remove KeepGradients.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// KeepGradients with an optimizer whose `zero_grad` has no parameter.
#include "hone/core/compatibility.hpp"
#include "hone/policies/gradients.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Foreign {
  void step() {}
#ifdef FIXED
  void zero_grad(bool set_to_none = true) { static_cast<void>(set_to_none); }
#else
  void zero_grad() {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Foreign, hone::KeepGradients>);
