// SPDX-License-Identifier: Apache-2.0
/// One way to train the quickstart network. All ways do the same arithmetic, so their losses are equal to the bit.
#pragma once

#include <cstdint>
#include <memory>

class Contender {
 public:
  virtual ~Contender() = default;
  /// Starts an epoch, ends it after `steps` updates and returns the mean loss. Goes on from the present weights.
  virtual double train(std::int64_t steps) = 0;
};

/// Each over the same data: enough for `steps` steps, made on first use.
std::unique_ptr<Contender> make_hand(std::int64_t steps);
std::unique_ptr<Contender> make_none(std::int64_t steps);
std::unique_ptr<Contender> make_epoch_only(std::int64_t steps);
std::unique_ptr<Contender> make_default(std::int64_t steps);
