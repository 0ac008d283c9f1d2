// SPDX-License-Identifier: Apache-2.0
/// Stochastic weight averaging: the plain mean of the weights at the ends of late epochs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "hone/finetune/averaging.hpp"

namespace hone {

/// Averages the weights at the ends of epochs `start_epoch`, `start_epoch + every_n_epochs`, ... A run that ends before
/// the first keeps its weights. For what else it does see `ModelEma`.
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
  const std::int64_t start_epoch = 1;  ///< The first epoch whose weights count; the first of all is 1.
  const std::int64_t every_n_epochs = 1;
  const bool average_buffers = false;  ///< Else they are copied, and batch norms need `refresh`.
  const bool evaluate = false;         ///< After each evaluation, evaluate once more with the averaged weights.
  const bool apply_at_end = true;      ///< Leave the averaged weights in the model when the run is over.
  const bool reset_on_train = true;    ///< Begin anew with each run; else go on where the last one ended.
  const std::string metric_prefix = "swa_model_";  ///< Goes before the names of what that evaluation records.
  const std::function<void()> refresh =
      nullptr;               ///< Called with the averaged weights in the model, before they are used.
  Listeners callbacks = {};  ///< Get the events of that evaluation. Moved into the average: `listeners()` has them.

  /// What is averaged, and what is remembered of it; copies share it.
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
