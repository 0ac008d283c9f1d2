// expect: hone: the settings of an update rule are passed without names. Name them, as in hone::Adam{.lr = 1e-3}.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An update rule with a learning rate that is not given by name.
#include "hone/optim/adam.hpp"

#ifdef FIXED
const hone::Adam rule{.lr = 1e-3};
#else
const hone::Adam rule(1e-3);
#endif
