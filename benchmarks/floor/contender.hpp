// SPDX-License-Identifier: Apache-2.0
/// One way to train one workload. `hand` and `hone` do the same arithmetic: their losses are equal to the bit.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "data.hpp"

class Contender {
 public:
  virtual ~Contender() = default;
  /// Starts an epoch, ends it after `steps` updates and returns the mean loss, NaN where there is none. Goes on from
  /// the present weights; the schedule of the learning rate spans the epoch.
  virtual double train(std::int64_t steps) = 0;
};

/// Each over `data`, which outlives it, from the weights that `seed` gives. `workload` is one of `workload_names`.
std::unique_ptr<Contender> make_hand(std::string_view workload, const Data& data);
std::unique_ptr<Contender> make_stock(std::string_view workload, const Data& data);
std::unique_ptr<Contender> make_hone(std::string_view workload, const Data& data);
/// The matrix products of a step and nothing else.
std::unique_ptr<Contender> make_products(std::string_view workload);

/// What the hand-written loop sets for its process, before anything is computed.
void prepare_process_of_hand();
