// expect: hone: GradualUnfreezing adds parameters to the optimizer, which this optimizer does not support. Use a rule such as hone::AdamW.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// GradualUnfreezing with an optimizer whose parameters are fixed.
#include "hone/finetune/gradual_unfreezing.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/sgd.hpp"

struct Fixed {
  at::TensorList parameters() const { return {}; }
};

#ifdef FIXED
void catch_up(hone::GradualUnfreezing& callback, hone::FusedOptimizer<hone::Sgd>& optimizer) {
#else
void catch_up(hone::GradualUnfreezing& callback, Fixed& optimizer) {
#endif
  callback.catch_up(3, optimizer);
}
