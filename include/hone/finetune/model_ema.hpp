// SPDX-License-Identifier: Apache-2.0
/// An exponential moving average of the weights, kept and evaluated while a model trains.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "hone/finetune/averaging.hpp"

namespace hone {

/// What the average of `ModelEma` is updated after.
enum class EmaUpdate { per_update, per_epoch };

/// Averages the weights during training: `e = decay e + (1 - decay) v`.
///
/// After each epoch that was evaluated, the averaged weights change places with the model's, the trainer evaluates
/// again (`ema_model_eval_loss_epoch`), and they change back, also after an exception. Only `callbacks` hear that
/// evaluation; they also hear the starts and ends of training runs, and the end of each epoch with the averaged
/// weights in the model, so one that saves the best model saves those. Evaluations within epochs and runs of `evaluate`
/// are left alone. Stands before callbacks that watch its metrics. Copies share everything; settings are fixed.
///
/// **Cost** a copy of parameters and buffers; one fused call for each average.
/// **Errors** `std::invalid_argument` for a decay outside of 0 to 1, `every_n` < 1, `after_n` < 0.
/// **Source** `torch.optim.swa_utils.get_ema_multi_avg_fn`, starting from the weights at the start of the run; the
/// warm-up is that of TensorFlow's `ExponentialMovingAverage`.
/// **Example**
/// ```
/// hone::ModelEma ema{.decay = 0.999, .callbacks = hone::CallbackSet{hone::Metrics{hone::Accuracy{}}}};
/// auto trainer = hone::Trainer{model, loss, hone::Sgd{.lr = 0.1}, ema};
/// trainer.train(train_set, eval_set, hone::TrainOptions{.num_epochs = 8});
/// ema.average().copy_to(model);
/// ```
template <class Listeners = CallbackSet<>>
struct ModelEma {
  const double decay = 0.99;
  const bool warmup = false;  ///< A smaller decay at first: at most (1 + n) / (10 + n) after n averages.
  const EmaUpdate update = EmaUpdate::per_update;
  const std::int64_t every_n = 1;     ///< Updates, or epochs.
  const std::int64_t after_n = 0;     ///< Updates, or epochs, during which the average only follows the model.
  const bool average_buffers = true;  ///< Else they are copied. Integers always are.
  const bool evaluate = true;         ///< After each evaluation, evaluate once more with the averaged weights.
  const bool apply_at_end = false;    ///< Leave the averaged weights in the model when the run is over.
  const bool reset_on_train = true;   ///< Begin anew with each run; else go on where the last one ended.
  const std::string metric_prefix = "ema_model_";  ///< Goes before the names of what that evaluation records.
  const std::function<void()> refresh =
      nullptr;               ///< Called with the averaged weights in the model, before they are used.
  Listeners callbacks = {};  ///< Get the events of that evaluation. Moved into the average: `listeners()` has them.

  /// What is averaged, and what is remembered of it; copies share it.
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

  using relay = void;
  template <class E>
  static constexpr bool relays = hone::hears<decltype(averaging), E>;
  template <class E>
  void tell(const E& event) {
    hone::tell(averaging, event);
  }
  void serialize(auto& archive) { averaging.serialize(archive); }

  /// The average.
  ///
  /// **Errors** `std::logic_error` before the first run.
  [[nodiscard]] auto& average() { return averaging.average(); }
  /// The callbacks that hear the evaluation of the average.
  [[nodiscard]] Listeners& listeners() { return averaging.listeners(); }
  /// What it remembers; the tensors are the live ones. Empty before the first run.
  [[nodiscard]] AveragingState state() const { return averaging.state(); }
  /// The next run starts from this state.
  void load_state(AveragingState state) { averaging.load_state(std::move(state)); }
};

}  // namespace hone
