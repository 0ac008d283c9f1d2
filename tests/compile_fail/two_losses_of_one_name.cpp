// expect: hone: two of these losses have the same name. Rename one of them.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Two losses with the same name.
#include "hone/step/losses.hpp"

struct Step {};
#ifdef FIXED
constexpr auto size = sizeof(hone::Losses<hone::LossFor<"actor", Step>, hone::LossFor<"critic", Step>>);
#else
constexpr auto size = sizeof(hone::Losses<hone::LossFor<"actor", Step>, hone::LossFor<"actor", Step>>);
#endif
