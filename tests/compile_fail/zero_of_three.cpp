// expect: hone: the stage of Zero is neither 1 nor 2. Use Zero<1> to shard the optimizer state, or Zero<2> to shard the gradients too.
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
