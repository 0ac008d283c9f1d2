// expect: hone: this precision policy scales the loss of one optimizer. With hone::Losses, use a policy with `step(optimizer)` and `update_scale()`, such as hone::LossScaler.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `hone::Losses` with a precision policy that scales the loss of one optimizer.
#include "hone/core/compatibility.hpp"
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/step/losses.hpp"

struct Model {};
struct Step {};
struct Half {
  using slot = hone::slots::Precision;
  static hone::NoScope region(c10::Device) { return {}; }
  at::Tensor scale(const at::Tensor& loss) { return loss; }
  void unscale(at::TensorList) {}
  void update(auto& optimizer) { optimizer.step(); }
#ifdef FIXED
  void step(auto& optimizer) { optimizer.step(); }
  void update_scale() {}
#endif
};
using Losses = decltype(hone::Losses{hone::loss_for<"actor">(Step{})});
using Optimizers = decltype(hone::Optimizers{hone::optimizer_for<"actor">(hone::Sgd{})});

static_assert(hone::checked_compatibility<Model, Losses, Optimizers, Half>);
