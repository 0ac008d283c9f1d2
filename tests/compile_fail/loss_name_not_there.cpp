// expect: hone: none of the losses has this name.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// `get` with a misspelled name of a loss.
#include "hone/step/losses.hpp"

struct Step {};
using Losses = decltype(hone::Losses{hone::loss_for<"actor">(Step{}), hone::loss_for<"critic">(Step{})});
#ifdef FIXED
constexpr std::size_t place = Losses::place_of<"critic">;
#else
constexpr std::size_t place = Losses::place_of<"critics">;
#endif
