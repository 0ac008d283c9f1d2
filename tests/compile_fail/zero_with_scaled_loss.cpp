// expect: hone: with Zero, each rank has only a shard of the gradients, and this precision policy scales the loss without `found_inf()`, which the ranks need to agree on an overflow. Add it, or use Ddp.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Zero with a custom precision policy that scales the loss.
#include "hone/core/compatibility.hpp"
#include "hone/distributed/zero_requirements.hpp"
#include "hone/optim/sgd.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Zero : hone::detail::ZeroRequirements<2> {
  using slot = hone::slots::Distribution;
  static int rank() { return 0; }
  static int world_size() { return 2; }
};
struct Scaled {
  using slot = hone::slots::Precision;
  static hone::NoScope region(c10::Device) { return {}; }
  at::Tensor scale(const at::Tensor& loss) const { return loss; }
  void unscale(at::TensorList) const {}
  void update(auto& optimizer) const { optimizer.step(); }
#ifdef FIXED
  const at::Tensor& found_inf() const;
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, Zero, Scaled>);
