// expect: hone: hone::other_parameters is passed twice. Pass it to one optimizer only.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Two optimizers with `hone::other_parameters`.
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"

void make() {
#ifdef FIXED
  const hone::Optimizers both{hone::optimizer_for<"first">(hone::Sgd{}),
                              hone::optimizer_for<"second">(hone::Sgd{}, hone::other_parameters)};
#else
  const hone::Optimizers both{hone::optimizer_for<"first">(hone::Sgd{}, hone::other_parameters),
                              hone::optimizer_for<"second">(hone::Sgd{}, hone::other_parameters)};
#endif
  static_cast<void>(both);
}
