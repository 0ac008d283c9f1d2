// SPDX-License-Identifier: Apache-2.0
/// The variants of the benchmark: one way each to train a workload. `handwritten` and `hone` do the same arithmetic,
/// and their losses are bitwise equal.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "data.hpp"

class Variant {
 public:
  virtual ~Variant() = default;
  /// Trains one epoch of `steps` updates from the current weights and returns the mean loss, or NaN if there is none.
  /// The learning rate schedule spans the epoch.
  virtual double train(std::int64_t steps) = 0;
};

/// Each function returns a variant with the initial weights of `settings::seed`. `data` must outlive it. `workload` is
/// one of `workload_names`.
std::unique_ptr<Variant> make_handwritten(std::string_view workload, const Data& data);
std::unique_ptr<Variant> make_libtorch_tutorial(std::string_view workload, const Data& data);
std::unique_ptr<Variant> make_hone(std::string_view workload, const Data& data);
/// Runs only the matrix products of a step.
std::unique_ptr<Variant> make_gemm_only(std::string_view workload);

/// Applies the settings of the hand-written loop to the process: flushes denormals and retains freed memory. Call it
/// before the first computation.
void configure_handwritten_process();
