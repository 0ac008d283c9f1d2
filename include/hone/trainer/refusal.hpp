// SPDX-License-Identifier: Apache-2.0
/// The primary template of `Trainer`, which is chosen for invalid template arguments. One compile-time error explains
/// the problem. The functions accept any arguments, so that no further errors follow.
#pragma once

#include <concepts>
#include <type_traits>

#include "hone/core/composition.hpp"
#include "hone/history/run_history.hpp"
#include "hone/trainer/run_options.hpp"

namespace hone {

template <class Model, class Loss, class Optimizer, class... Policies>
class Trainer {
  static_assert(checked_composition<Model, Loss, Optimizer, Policies...>);

 public:
  template <class... Args>
  explicit Trainer(Args&&...) {}
  template <class Dataset>
  RunHistory train(Dataset&&, const TrainOptions& = {}) {
    return {};
  }
  template <class Dataset, class EvalDataset>
    requires(!std::same_as<std::remove_cvref_t<EvalDataset>, TrainOptions>)
  RunHistory train(Dataset&&, EvalDataset&&, const TrainOptions& = {}) {
    return {};
  }
  template <class Dataset>
  RunHistory evaluate(Dataset&&, const EvaluateOptions& = {}) {
    return {};
  }
  template <class Dataset>
  int predict(Dataset&&, const EvaluateOptions& = {}) {
    return 0;
  }
  template <class Batch>
  int step(Batch&&) {
    return 0;
  }
  template <class... Args>
  void print(Args&&...) const {}
};

}  // namespace hone
