// SPDX-License-Identifier: Apache-2.0
/// Puts what many processes made of their shares of a dataset back into the dataset's order.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cstdint>
#include <stdexcept>

#include "hone/data/epoch_cut.hpp"
#include "hone/data/loader_options.hpp"

namespace hone {

/// Where the rows of a dataset are once each process has gone through its share in stored order and the rows are
/// gathered, those of rank 0 first: `gathered.index_select(0, stored_order(samples, options))` has them as stored.
///
/// **Shapes** `[samples]`, int64, on the CPU; with `drop_last` as many as are visited. `options.share.rank` is not
/// looked at.
/// **Cost** one allocation and one pass over it; computed alike in each process.
/// **Errors** those of a loader with these options; `std::invalid_argument` when `options.shuffle` is set.
[[nodiscard]] inline at::Tensor stored_order(std::int64_t samples, LoaderOptions options) {
  options = detail::fitted(samples, options);
  if (options.shuffle) {
    throw std::invalid_argument(
        "shuffle is set, and what is gathered is to be put into the order as stored. Leave shuffle out.");
  }
  const auto batch = options.batch_size * options.share.world_size;
  const auto order = at::empty({options.drop_last ? samples / batch * batch : samples}, at::kLong);
  auto* places = order.mutable_data_ptr<std::int64_t>();
  std::int64_t place = 0;
  for (options.share.rank = 0; options.share.rank < options.share.world_size; ++options.share.rank) {
    const detail::EpochCut cut(0, samples, options);
    for (std::int64_t k = 0; k < cut.batches(); ++k) {
      const auto first = cut.first(k);
      for (std::int64_t i = 0; i < cut.width(k); ++i) places[first + i] = place++;
    }
  }
  return order;
}

}  // namespace hone
