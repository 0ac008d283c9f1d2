// SPDX-License-Identifier: Apache-2.0
/// The variants of the benchmark: one way each to train the quickstart network. All do the same arithmetic, and their
/// losses are bitwise equal.
#pragma once

#include <cstdint>
#include <memory>

class Variant {
 public:
  virtual ~Variant() = default;
  /// Trains one epoch of `steps` updates from the current weights and returns the mean loss.
  virtual double train(std::int64_t steps) = 0;
};

/// Each function returns a variant over the same data, which the first call creates with the samples of `steps` steps.
std::unique_ptr<Variant> make_handwritten(std::int64_t steps);
std::unique_ptr<Variant> make_none(std::int64_t steps);
std::unique_ptr<Variant> make_epoch_only(std::int64_t steps);
std::unique_ptr<Variant> make_default(std::int64_t steps);
