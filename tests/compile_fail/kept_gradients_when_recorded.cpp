// expect: hone: KeepGradients leaves gradients where they are, and Zero, master weights and recorded steps hand them out anew in each update. Leave KeepGradients out, or those.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A recorded step has gradients in memory of its own.
#include "hone/core/composition.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/policies/gradients.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Recorded {
  using slot = hone::slots::Execution;
  static auto run(auto&& compute, auto& batch) { return compute(batch); }
#ifndef FIXED
  static constexpr bool records_steps = true;
#endif
};

static_assert(hone::checked_composition<Model, Loss, hone::Sgd, hone::KeepGradients, Recorded>);
