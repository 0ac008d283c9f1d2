// SPDX-License-Identifier: Apache-2.0
/// The index that restores a dataset's order of rows that were gathered from all ranks.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cstdint>
#include <stdexcept>

#include "hone/data/epoch_partition.hpp"
#include "hone/data/loader_options.hpp"

namespace hone {

/// Returns the position of each row of a dataset in `gathered`: one row per sample, gathered from all ranks in the
/// order of ranks, after each rank has iterated over its shard in stored order. `gathered.index_select(0,
/// unshard_permutation(samples, options))` is in the order of the dataset.
///
/// **Shapes** `[samples]`, int64, on the CPU; with `drop_last` the visited samples only. The result is the same on each
/// rank.
/// **Cost** one allocation and one pass over it, without communication.
/// **Errors** as a loader with these options; `std::invalid_argument` if `options.shuffle` is set.
[[nodiscard]] inline at::Tensor unshard_permutation(std::int64_t samples, LoaderOptions options) {
  options = detail::fitted(samples, options);
  if (options.shuffle) {
    throw std::invalid_argument("shuffle is set, which unshard_permutation does not support. Remove shuffle.");
  }
  const auto batch = options.batch_size * options.share.world_size;
  const auto order = at::empty({options.drop_last ? samples / batch * batch : samples}, at::kLong);
  auto* places = order.mutable_data_ptr<std::int64_t>();
  std::int64_t place = 0;
  for (options.share.rank = 0; options.share.rank < options.share.world_size; ++options.share.rank) {
    const detail::EpochPartition cut(0, samples, options);
    for (std::int64_t k = 0; k < cut.batches(); ++k) {
      const auto first = cut.first(k);
      for (std::int64_t i = 0; i < cut.width(k); ++i) places[first + i] = place++;
    }
  }
  return order;
}

}  // namespace hone
