// expect: hone: with Zero, each rank has only a shard of the gradients, and this clipping policy needs all of them. Add `clip(gradients, of_each)` as in ClipNorm, or, if it clips each element separately, `static constexpr bool is_elementwise = true`.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Zero with a custom clipping policy that may need all gradients.
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
struct Signs {
  using slot = hone::slots::Clipping;
#ifdef FIXED
  static constexpr bool is_elementwise = true;
#endif
  void clip(at::TensorList) const {}
};

static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, Signs, Zero>);
