// SPDX-License-Identifier: Apache-2.0
/// `Predictor`, a trainer that only predicts.
#pragma once

#include <utility>

#include "hone/optim/no_optimizer.hpp"
#include "hone/step/no_loss.hpp"
#include "hone/step/parts.hpp"
#include "hone/trainer/trainer.hpp"

namespace hone {

/// Predicts with a model. Requires no loss, no optimizer and no parameters that require a gradient. Accepts the
/// policies, callbacks and overrides of a trainer, and inherits its functions, such as `load_checkpoint`.
///
/// **Errors** at compile time, one message, for calls that require a loss or an optimizer, such as `train`.
/// **Example**
/// ```
/// auto predictor = hone::Predictor{model, hone::Cuda<>{}};
/// torch::Tensor outputs = predictor.predict(hone::TensorDataset{images}, {.per_device_batch_size = 256});
/// ```
template <class Model, class... Policies>
class Predictor : public Trainer<Model, NoLoss, NoOptimizer, Policies...> {
 public:
  template <class... Settings>
  explicit Predictor(Model model, Settings... settings)
      : Trainer<Model, NoLoss, NoOptimizer, Policies...>(std::move(model), NoLoss{}, NoOptimizer{},
                                                         std::move(settings)...) {}
};

template <class Model, class... Settings>
Predictor(Model, Settings...) -> Predictor<Model, detail::AsPolicy<Settings>...>;

}  // namespace hone
