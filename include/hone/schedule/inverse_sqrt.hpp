// SPDX-License-Identifier: Apache-2.0
/// The inverse square root schedule of the Transformer, with warm-up.
#pragma once

#include <cmath>
#include <cstdint>

#include "hone/schedule/schedule.hpp"

namespace hone {

/// Linear warm-up, then inverse square root decay: `base_lr * min((update + 1) / W, sqrt(W / (update + 1)))`. The
/// maximum, `base_lr`, is reached at update W - 1.
///
/// The scale in the paper corresponds to the base value `1 / sqrt(d_model * W)`.
///
/// **Units** warmup_updates (W): updates, at least 1; required. The paper uses 4000.
/// **Errors** `resolved` throws `std::invalid_argument` for settings that are out of range.
/// **Source** A. Vaswani et al., "Attention Is All You Need", 2017, section 5.3; its step number is `update + 1`.
/// **Example** `InverseSqrtLr{.warmup_updates = 4000}`
struct InverseSqrtLr {
  using slot = slots::Schedule;

  Updates warmup_updates = 0;

  constexpr double operator()(double base_lr, std::int64_t update) const {
    const auto warmup = static_cast<double>(warmup_updates.count());
    const double step = static_cast<double>(update) + 1.0;
    return step < warmup ? base_lr * step / warmup : base_lr * std::sqrt(warmup / step);
  }

  [[nodiscard]] constexpr InverseSqrtLr resolved(const RunLength& length) const {
    InverseSqrtLr result = *this;
    result.warmup_updates = warmup_updates.resolved(length, "InverseSqrtLr::warmup_updates");
    detail::require_at_least("InverseSqrtLr::warmup_updates", result.warmup_updates.count(), 1);
    return result;
  }

  friend constexpr bool operator==(const InverseSqrtLr&, const InverseSqrtLr&) = default;
};
static_assert(ResolvableSchedule<InverseSqrtLr>);

}  // namespace hone
