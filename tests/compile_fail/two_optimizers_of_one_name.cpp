// expect: hone: two optimizers have the same name. Give each optimizer a unique name.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Two optimizers with the same name.
#include "hone/optim/optimizers.hpp"
#include "hone/optim/sgd.hpp"

void make() {
#ifdef FIXED
  const hone::Optimizers both{hone::optimizer_for<"first">(hone::Sgd{}), hone::optimizer_for<"second">(hone::Sgd{})};
#else
  const hone::Optimizers both{hone::optimizer_for<"first">(hone::Sgd{}), hone::optimizer_for<"first">(hone::Sgd{})};
#endif
  static_cast<void>(both);
}
