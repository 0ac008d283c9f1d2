// expect: hone: two of these losses have one name. Give each a name of its own.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A name stands for one loss.
#include "hone/step/losses.hpp"

struct Step {};
#ifdef FIXED
using Losses = decltype(hone::Losses{hone::loss_for<"actor">(Step{}), hone::loss_for<"critic">(Step{})});
#else
using Losses = decltype(hone::Losses{hone::loss_for<"actor">(Step{}), hone::loss_for<"actor">(Step{})});
#endif
static_assert(sizeof(Losses) > 0);
