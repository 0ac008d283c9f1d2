// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "hone/checkpoint/schedule_state_dict.hpp"
#include "hone/checkpoint/value.hpp"
#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"

namespace hone {

HONE_INLINE std::int64_t scheduled_updates_in(const Value& state) {
  const auto& entries = state.get<Dict>();
  const Value* found = entries.find("num_updates");
  if (found == nullptr) found = entries.find("last_epoch");
  if (found == nullptr) {
    throw DataError(
        "The scheduler's state has neither num_updates nor last_epoch, so its position is unknown. Load with "
        ".load_scheduler = false.");
  }
  const auto updates = found->get<std::int64_t>();
  if (updates < -1 || updates >= detail::too_many<std::int64_t>)
    throw DataError(
        format_message("The scheduler's state is at update {}, which is out of range. Load another file.", {updates}));
  return updates < 0 ? 0 : updates;  // -1: before the first update
}

}  // namespace hone
