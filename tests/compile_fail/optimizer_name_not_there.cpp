// expect: hone: none of the optimizers has this name.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `get` with a misspelled name of an optimizer.
#include "hone/optim/composite_optimizer.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/sgd.hpp"

template <class Optimizers>
auto& head_of(Optimizers& optimizers) {
#ifdef FIXED
  return optimizers.template get<"head">();
#else
  return optimizers.template get<"heed">();
#endif
}

using Head = hone::NamedOptimizer<"head", hone::FusedOptimizer<hone::Sgd>>;
auto& head(hone::CompositeOptimizer<Head>& optimizers) { return head_of(optimizers); }
