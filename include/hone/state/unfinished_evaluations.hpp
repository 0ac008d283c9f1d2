// SPDX-License-Identifier: Apache-2.0
/// Evaluations that a stop cut short. A training state is saved so that the resumed run makes them.
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

/// The state of a run at the end of an epoch's batches, apart from weights: evaluations leave those alone, and
/// callbacks may change everything else.
class StateBeforeEvaluation {
 public:
  template <class Optimizer>
  StateBeforeEvaluation(Dict run, Optimizer& optimizer) : run_(cloned(Value(std::move(run))).get<Dict>()) {
    if constexpr (detail::HasLearningRates<Optimizer>) lrs_ = lrs_of(optimizer);
  }

  [[nodiscard]] const Dict& run() const { return run_; }

  /// Calls `function` while the optimizer has the learning rates of that time.
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

/// The evaluations of the current epoch that a training state asks the resumed run to make.
struct UnfinishedEvaluations {
  std::vector<std::string> after_batch{};         ///< Metrics, to be recorded before the next batch is trained on.
  std::optional<StateBeforeEvaluation> before{};  ///< Set from the end of the batches to the end of the epoch.
  bool resumes_before = false;                    ///< A training state saved now holds `before`.
  bool is_end_announced = false;                  ///< A `ResumePoint` was the last one of the run.

  /// Writes nothing where nothing is unfinished.
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
