// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "hone/callbacks/straggler_detector.hpp"
#include "hone/core/config.hpp"

namespace hone {

HONE_INLINE void StragglerDetector::report(const Run& run, const std::vector<std::string>& texts) const {
  std::vector<double> times;
  for (const std::string& text : texts) {
    std::from_chars(text.data(), text.data() + text.size(), times.emplace_back(0.0));
  }
  auto sorted = times;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 2);  // of two, the lower
  std::nth_element(sorted.begin(), middle, sorted.end());
  std::string slow, all;
  for (std::size_t rank = 0; rank < times.size(); ++rank) {
    const auto time = detail::general(times[rank], 3);
    all += format_message("{}{}", {all.empty() ? "" : ", ", time});
    if (times[rank] > ratio * *middle) {
      slow += format_message("{}rank {} takes {} ms", {slow.empty() ? "" : ", ", rank, time});
    }
  }
  if (slow.empty()) return;
  detail::put(output, format_message(
                          "Stragglers: {} per batch for data loading and forward, and the median is {} ms (mean over "
                          "{} batches until batch {} of epoch {}; ranks in order: {}).\n",
                          {slow, detail::general(*middle, 3), every_n_batches, run.batch() + 1, run.epoch(), all}));
}

}  // namespace hone
