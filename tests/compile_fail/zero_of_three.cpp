// expect: hone: there are Zero<1>, which divides the optimizer's state, and Zero<2>, which divides the gradients too. Choose one of them.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Zero<3>, which is not implemented.
#include "hone/distributed/zero_requirements.hpp"

#ifdef FIXED
constexpr int stage = 2;
#else
constexpr int stage = 3;
#endif
static_assert(sizeof(hone::detail::ZeroRequirements<stage>) > 0);
