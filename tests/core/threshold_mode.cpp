// SPDX-License-Identifier: Apache-2.0
#include "hone/core/threshold_mode.hpp"

static_assert(hone::ThresholdMode::relative != hone::ThresholdMode::absolute);
