// SPDX-License-Identifier: Apache-2.0
/// Which process keeps what, when things of different size are divided.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

namespace hone {

/// Divides things among processes so that each has about as much: the largest first, each to the process that has least
/// so far. The same things in the same calls give the same owners everywhere: of two that are as large, the one whose
/// name is smaller comes first, and of two processes that have as much, the one of the lower rank.
///
/// **Units** bytes.
/// **Source** longest processing time first: R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969; as in
/// `torch.distributed.optim.ZeroRedundancyOptimizer`.
class Partition {
 public:
  struct Thing {
    std::string_view name;
    std::int64_t bytes;
  };

  explicit Partition(int num_processes) : loads_(static_cast<std::size_t>(num_processes), 0) {}

  /// The owner of each of `things`, beside what was divided before.
  [[nodiscard]] std::vector<int> divide(std::span<const Thing> things) {
    std::vector<std::size_t> order(things.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return things[a].bytes != things[b].bytes ? things[a].bytes > things[b].bytes : things[a].name < things[b].name;
    });
    std::vector<int> owners(things.size());
    for (const std::size_t i : order) {
      const auto least = std::min_element(loads_.begin(), loads_.end());
      *least += things[i].bytes;
      owners[i] = static_cast<int>(least - loads_.begin());
    }
    return owners;
  }

  /// What each process has by now.
  [[nodiscard]] std::span<const std::int64_t> loads() const { return loads_; }

 private:
  std::vector<std::int64_t> loads_;
};

}  // namespace hone
