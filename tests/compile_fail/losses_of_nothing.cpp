// expect: hone: hone::Losses needs at least one hone::loss_for<"name">(...).
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `hone::Losses` without a loss.
#include "hone/step/losses.hpp"

struct Step {};
#ifdef FIXED
using Losses = decltype(hone::Losses{hone::loss_for<"actor">(Step{})});
#else
using Losses = hone::Losses<>;
#endif
static_assert(sizeof(Losses) > 0);
