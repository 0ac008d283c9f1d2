// SPDX-License-Identifier: Apache-2.0
/// An exponential moving average of the weights, updated and evaluated during training.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "hone/finetune/averaging.hpp"

namespace hone {

/// The unit of `ModelEma::every_n` and `ModelEma::after_n`: optimizer updates or epochs.
enum class EmaUpdate { per_update, per_epoch };

/// Averages the weights during training: `e = decay e + (1 - decay) v`.
///
/// After each epoch with an evaluation, the averaged weights are swapped into the model, the trainer evaluates again
/// and records `ema_model_eval_loss_epoch`, and the weights are swapped back, also after an exception. Only `callbacks`
/// receive the events of that evaluation. They also receive the starts and ends of training runs, and the ends of
/// epochs while the averaged weights are in the model, so that `SaveBest` among them saves averaged weights, by the
/// metrics of that evaluation.
/// Evaluations within epochs and runs of `evaluate` use the model's own weights. Put this callback before callbacks
/// that read its metrics. Copies share the average. Settings are constant.
///
/// **Cost** memory for a copy of parameters and buffers; one fused call for each update of the average.
/// **Errors** `std::invalid_argument` for a decay outside of 0 to 1, `every_n` < 1, `after_n` < 0.
/// **Source** `torch.optim.swa_utils.get_ema_multi_avg_fn`, starting from the weights at the start of the run; warm-up
/// as in TensorFlow's `ExponentialMovingAverage`.
/// **Example**
/// ```
/// hone::ModelEma ema{.decay = 0.999, .callbacks = hone::CallbackSet{hone::Metrics{hone::Accuracy{}}}};
/// auto trainer = hone::Trainer{model, loss, hone::Sgd{.lr = 0.1}, ema};
/// trainer.train(train_set, eval_set, hone::TrainOptions{.num_epochs = 8});
/// ema.average().copy_to(model);
/// ```
template <class Listeners = CallbackSet<>>
struct ModelEma {
  static constexpr bool is_collective = true;  ///< The evaluation involves all ranks.

  const double decay = 0.99;
  const bool warmup = false;  ///< Limits the decay to (1 + n) / (10 + n) after n updates of the average.
  const EmaUpdate update = EmaUpdate::per_update;
  const std::int64_t every_n = 1;     ///< The average is updated after every n-th optimizer update, or epoch.
  const std::int64_t after_n = 0;     ///< Averaging starts from the model's values after n updates, or epochs.
  const bool average_buffers = true;  ///< If false, buffers are copied. Integers are always copied.
  const bool evaluate = true;         ///< After each epoch's evaluation, evaluates again with the averaged weights.
  const bool apply_at_end = false;    ///< Copies the averaged weights into the model at the end of the run.
  const bool reset_on_train = true;   ///< Restarts the average with each run; otherwise continues the last one.
  const std::string metric_prefix = "ema_model_";  ///< Prefix of the metrics of that evaluation.
  const std::function<void()> refresh =
      nullptr;               ///< Called after the averaged weights are in the model, before they are used.
  Listeners callbacks = {};  ///< Receive the events of that evaluation. Moved: use `listeners()` to access them.

  /// The average and its state, not a setting. Copies share it.
  detail::Averaging<ExponentialAverage, Listeners> averaging{
      detail::AveragingPlan{.owner = "ModelEma",
                            .counts_epochs = update == EmaUpdate::per_epoch,
                            .begin = after_n,
                            .first = after_n + every_n,
                            .every = every_n,
                            .evaluate = evaluate,
                            .apply_at_end = apply_at_end,
                            .reset_on_train = reset_on_train,
                            .prefix = metric_prefix,
                            .refresh = refresh},
      ExponentialAverage{decay, warmup, average_buffers}, std::move(callbacks)};

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
