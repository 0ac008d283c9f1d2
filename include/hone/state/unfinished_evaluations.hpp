// SPDX-License-Identifier: Apache-2.0
/// Evaluations that a stop interrupted, and that the resumed run repeats.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hone/checkpoint/archive.hpp"
#include "hone/checkpoint/value.hpp"

namespace hone {

namespace detail {

template <class O>
concept HasLearningRates = requires(O& optimizer, std::size_t group, double lr) {
  optimizer.num_groups();
  optimizer.lr(group);
  optimizer.set_lr(group, lr);
};

}  // namespace detail

/// The state of a run after an epoch's last batch, without the weights: the evaluations that follow do not change
/// weights, but callbacks may change everything else.
class StateBeforeEvaluation {
 public:
  /// Copies the state of the run, and the learning rates of the optimizer.
  template <class Optimizer>
  StateBeforeEvaluation(const Dict& run, Optimizer& optimizer) : run_(cloned(run)) {
    if constexpr (detail::HasLearningRates<Optimizer>) lrs_ = lrs_of(optimizer);
  }

  [[nodiscard]] const Dict& run() const { return run_; }

  /// Calls `function` with the recorded learning rates set in the optimizer, and returns its result. Resets the
  /// learning rates afterwards, unless `function` throws.
  template <class Optimizer>
  auto with_learning_rates(Optimizer& optimizer, auto&& function) const {
    if constexpr (detail::HasLearningRates<Optimizer>) {
      const auto now = lrs_of(optimizer);
      set_lrs(optimizer, lrs_);
      auto result = function();
      set_lrs(optimizer, now);
      return result;
    } else {
      return function();
    }
  }

 private:
  static std::vector<double> lrs_of(auto& optimizer) {
    std::vector<double> lrs;
    for (std::size_t group = 0; group < optimizer.num_groups(); ++group) lrs.push_back(optimizer.lr(group));
    return lrs;
  }
  static void set_lrs(auto& optimizer, const std::vector<double>& lrs) {
    for (std::size_t group = 0; group < lrs.size(); ++group) optimizer.set_lr(group, lrs[group]);
  }

  Dict run_;
  std::vector<double> lrs_;
};

/// The interrupted evaluations of the current epoch.
struct UnfinishedEvaluations {
  std::vector<std::string> after_batch{};         ///< Metrics to record before training on the next batch.
  std::optional<StateBeforeEvaluation> before{};  ///< Set from the end of the batches to the end of the epoch.
  bool resumes_before = false;                    ///< True if a training state saved now contains `before`.
  bool is_end_announced = false;                  ///< True after the last `ResumePoint` of the run.

  /// Saves or loads `after_batch`; saves nothing if it is empty.
  void serialize(auto& archive) {
    constexpr const char* name = "evaluations_after_batch";
    if constexpr (requires { archive.contains(name); }) {
      after_batch.clear();
      if (!archive.contains(name)) return;
    } else if (after_batch.empty()) {
      return;
    }
    archive(name, after_batch);
  }
};

}  // namespace hone
