// SPDX-License-Identifier: Apache-2.0
#include "hone/core/threshold_mode.hpp"

#include <cmath>

using hone::detail::may_be_best;
static_assert(may_be_best(1.0, false) && may_be_best(-1.0, true));
static_assert(may_be_best(HUGE_VAL, true) && may_be_best(-HUGE_VAL, false));
static_assert(!may_be_best(HUGE_VAL, false) && !may_be_best(-HUGE_VAL, true));
static_assert(!may_be_best(NAN, false) && !may_be_best(NAN, true));
static_assert(hone::ThresholdMode::relative != hone::ThresholdMode::absolute);
