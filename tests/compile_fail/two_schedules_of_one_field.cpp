// expect: hone: more than one schedule sets the same field. Remove all but one.
// SPDX-License-Identifier: Apache-2.0
/// Two schedules of the learning rate.
#include "hone/schedule/constant.hpp"
#include "hone/schedule/schedules.hpp"

namespace fields = hone::fields;

#ifdef FIXED
const hone::Schedules schedules{fields::lr = hone::ConstantLr{}, fields::momentum = hone::ConstantLr{}};
#else
const hone::Schedules schedules{fields::lr = hone::ConstantLr{}, fields::lr = hone::ConstantLr{}};
#endif
