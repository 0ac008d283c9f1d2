// SPDX-License-Identifier: Apache-2.0
/// The variants in C++: one way each to train a workload.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "networks.hpp"

class Variant {
 public:
  virtual ~Variant() = default;
  /// Trains `steps` updates from the current weights and returns the mean loss. `settings::seed` determines the order
  /// of the samples. The learning rate schedule spans the call.
  virtual double train(std::int64_t steps) = 0;

  /// The number of eager and replayed steps of a variant that captures steps.
  struct StepCounts {
    std::int64_t eager = 0, replayed = 0;
    std::string reason;  ///< The reason for eager steps.
  };
  [[nodiscard]] virtual StepCounts step_counts() const { return {}; }
};

/// Returns the names of the variants of a workload in this program.
std::vector<std::string_view> variants_for(std::string_view workload);

/// A hand-written loop with the kernels that hone uses.
std::unique_ptr<Variant> make_handwritten(const Task& task, const Data& data, std::shared_ptr<Network> network);
/// A variant of `hone::Trainer`: `hone` or `hone_sync_copy`, and with CUDA `hone_captured` or `hone_prefetch`.
std::unique_ptr<Variant> make_trainer(std::string_view variant, const Task& task, const Data& data,
                                      std::shared_ptr<Network> network);
