// SPDX-License-Identifier: Apache-2.0
/// A division of items of different sizes among ranks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

namespace hone {

/// Divides items among ranks with about equal loads: the largest item first, each to the rank with the smallest load so
/// far. The same calls with the same items return the same owners on every rank. Of two items of the same size, the one
/// with the lesser name comes first; of two ranks with the same load, the lower rank gets the item.
///
/// **Units** bytes.
/// **Source** longest processing time first: R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969; as in
/// `torch.distributed.optim.ZeroRedundancyOptimizer`.
class Partition {
 public:
  /// An item to assign.
  struct Thing {
    std::string_view name;  ///< Decides between items of the same size.
    std::int64_t bytes;     ///< The load of the item.
  };

  /// Starts with empty loads.
  explicit Partition(int num_processes) : loads_(static_cast<std::size_t>(num_processes), 0) {}

  /// Returns the owner of each item. The loads of previous calls count.
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

  /// Returns the load of each rank.
  [[nodiscard]] std::span<const std::int64_t> loads() const { return loads_; }

 private:
  std::vector<std::int64_t> loads_;
};

}  // namespace hone
