// SPDX-License-Identifier: Apache-2.0
/// Stochastic weight averaging: the arithmetic mean of the weights at the ends of late epochs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "hone/finetune/averaging.hpp"

namespace hone {

/// Averages the weights at the ends of epochs `start_epoch`, `start_epoch + every_n_epochs`, ... A run that ends before
/// the first of these keeps the weights that it trained. Evaluations and callbacks work as in `ModelEma`. By default,
/// `SaveBest` does not replace the averaged weights in the model.
///
/// **Errors** `std::invalid_argument` for `start_epoch` or `every_n_epochs` < 1.
/// **Source** P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018;
/// `torch.optim.swa_utils.get_swa_multi_avg_fn`.
/// **Example**
/// ```
/// hone::Swa swa{.start_epoch = 6, .refresh = [&] { hone::update_bn(batches, model); }};
/// auto trainer = hone::Trainer{model, loss, hone::Sgd{.lr = 0.1}, swa};
/// ```
template <class Listeners = CallbackSet<>>
struct Swa {
  static constexpr bool is_collective = true;  ///< The evaluation involves all ranks.

  const std::int64_t start_epoch = 1;  ///< The first epoch whose weights are averaged, counted from 1.
  const std::int64_t every_n_epochs = 1;
  const bool average_buffers = false;  ///< If false, buffers are copied, and batch norms need `refresh`.
  const bool evaluate = false;         ///< After each epoch's evaluation, evaluates again with the averaged weights.
  const bool apply_at_end = true;      ///< Copies the averaged weights into the model at the end of the run.
  const bool reset_on_train = true;    ///< Restarts the average with each run; otherwise continues the last one.
  const std::string metric_prefix = "swa_model_";  ///< Prefix of the metrics of that evaluation.
  const std::function<void()> refresh =
      nullptr;               ///< Called after the averaged weights are in the model, before they are used.
  Listeners callbacks = {};  ///< Receive the events of that evaluation. Moved: use `listeners()` to access them.

  /// The average and its state, not a setting. Copies share it.
  detail::Averaging<EqualAverage, Listeners> averaging{detail::AveragingPlan{.owner = "Swa",
                                                                             .counts_epochs = true,
                                                                             .begin = start_epoch - 1,
                                                                             .first = start_epoch,
                                                                             .every = every_n_epochs,
                                                                             .evaluate = evaluate,
                                                                             .apply_at_end = apply_at_end,
                                                                             .reset_on_train = reset_on_train,
                                                                             .prefix = metric_prefix,
                                                                             .refresh = refresh},
                                                       EqualAverage{average_buffers}, std::move(callbacks)};

  using event_forwarder = void;
  /// True for the events that the average or a callback in `callbacks` handles.
  template <class E>
  static constexpr bool forwards = hone::handles<decltype(averaging), E>;
  /// Handles an event, for the trainer.
  template <class E>
  void notify(const E& event) {
    hone::notify(averaging, event);
  }
  void serialize(auto& archive) { averaging.serialize(archive); }

  /// Returns the average.
  ///
  /// **Errors** `std::logic_error` before the first run.
  [[nodiscard]] auto& average() { return averaging.average(); }
  /// Returns the callbacks that receive the events of the evaluations with averaged weights.
  [[nodiscard]] Listeners& listeners() { return averaging.listeners(); }
  /// Returns the state; tensors are not copied. Before the first run it is empty, unless `load_state` was called.
  [[nodiscard]] AveragingState state() const { return averaging.state(); }
  /// Sets the state that the next run starts from.
  void load_state(AveragingState state) { averaging.load_state(std::move(state)); }
};

}  // namespace hone
