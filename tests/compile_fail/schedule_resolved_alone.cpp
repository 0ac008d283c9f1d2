// expect: hone: this schedule has `resolved`, but it cannot be called as `S resolved(const RunLength&) const`.
// SPDX-License-Identifier: Apache-2.0
/// A schedule with an invalid `resolved`, without a trainer.
#include <cstdint>

#include "hone/schedule/schedule.hpp"

struct Own {
  double operator()(double base_lr, std::int64_t) const { return base_lr; }
#ifdef FIXED
  Own resolved(const hone::RunLength&) const { return *this; }
#else
  Own resolved(std::int64_t) const { return *this; }
#endif
};

Own resolved(const Own& schedule) { return hone::resolve_schedule(schedule, hone::RunLength{}); }
