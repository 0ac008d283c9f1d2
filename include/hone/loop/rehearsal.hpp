// SPDX-License-Identifier: Apache-2.0
/// Updates that are tried out and taken back: what finders of learning rates and batch sizes are made of.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/callbacks/run.hpp"
#include "hone/checkpoint/archive.hpp"
#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/data/epoch_scope.hpp"
#include "hone/data/loader.hpp"
#include "hone/loop/guards.hpp"
#include "hone/loop/in_step.hpp"
#include "hone/loop/model.hpp"
#include "hone/loop/resumable.hpp"
#include "hone/loop/run_options.hpp"

namespace hone {

/// How updates are tried out.
///
/// **Units** num_updates: optimizer updates, the data is begun again when it ends; per_device_batch_size: samples;
/// num_threads: of LibTorch's operators, 0 leaves them.
/// **Errors** `std::invalid_argument` for values out of range.
struct RehearsalOptions {
  std::int64_t num_updates = 1;
  std::optional<std::int64_t> per_device_batch_size =
      {};                                  ///< 8 unless given. As the next two, an error beside a range.
  std::optional<bool> shuffle = {};        ///< On unless given.
  std::optional<bool> drop_last = {};      ///< Off unless given.
  std::optional<std::uint64_t> seed = {};  ///< Of the order of the data; else it is drawn.
  int num_threads = 0;

  void require_none_of_loader() const {
    detail::require_not_given("per_device_batch_size", per_device_batch_size);
    detail::require_not_given("shuffle", shuffle);
    detail::require_not_given("drop_last", drop_last);
  }

  void check() const {
    detail::require_at_least("num_updates", 1, num_updates);
    detail::require_at_least("per_device_batch_size", 1, per_device_batch_size);
    detail::require_at_least("num_threads", 0, num_threads);
  }
};

/// A trainer that can try updates out.
template <class Self, class Model, class Loss, class Optimizer, class... Policies>
class Rehearsing : public Resumable<Self, Model, Loss, Optimizer, Policies...> {
  using Step = Resumable<Self, Model, Loss, Optimizer, Policies...>;

 public:
  /// Makes updates as training would, and then brings everything back, also when an exception leaves: weights and
  /// buffers of model and loss, the optimizer, gradients, an open accumulation window, the place of the schedule,
  /// random generators, modes, the history, policies and overrides with `serialize`. Collective. Callbacks hear
  /// nothing, so none of them prints, stops or writes a file; what they do to a run is missing, too. A schedule stands
  /// at its beginning.
  ///
  /// `before(update)` is called before each update, the first is 0; it may set learning rates. `after(update, loss)`
  /// gets the mean loss over the samples of the update, and of all processes, computed with the weights before it, and
  /// returns whether to go on.
  ///
  /// **Cost** a copy of weights and optimizer state in the host's memory; a wait for the device in each update.
  /// **Errors** `std::logic_error` in the middle of a run; those of `step`; at compile time for a model or an optimizer
  /// that cannot be saved.
  template <class Dataset, class Before, class After>
  void rehearse(Dataset&& dataset, const RehearsalOptions& options, Before before, After after) {
    options.check();
    this->require_trainable();
    using Point = overrides::create_train_dataloader;
    if constexpr (HandsOutBatches<Dataset> && !Point::template named<typename Step::OverridesType>) {
      options.require_none_of_loader();
    }
    if (!this->activity_.is_idle()) {
      refuse_call("rehearse", this->activity_, "Call it, or the finder that does, before the run.");
    }
    const ActivityGuard activity(this->activity_.trains);
    const ActivityGuard rehearsing(this->is_rehearsing_);
    const ModeGuard mode(this->model_);
    const ThreadGuard threads(options.num_threads);
    [[maybe_unused]] const auto denormals = this->denormals_.over_run();
    [[maybe_unused]] const auto current = device_scope(this->device_);
    [[maybe_unused]] const auto number_format = this->number_format();
    const at::AutoGradMode gradients(true);
    const typename Step::Silence silence(*this);
    const Memory memory = remember();
    try {
      this->drop_window();
      run_ = Run();  // one that was stopped would drop every batch
      with_device_errors(this->device_.device(), [&] { make_updates(dataset, options, before, after); });
    } catch (...) {
      as_far_as_possible([&] { bring_back(memory); });
      throw;
    }
    bring_back(memory);
  }

 protected:
  using Step::optimizer_;
  using Step::run_;
  using Step::Step;

 private:
  /// What the training state does not say: it is for another trainer, this one has more.
  struct Memory {
    Value state;
    Run run;
    typename Step::SchedulePlace schedule_place;
    typename Step::ScheduleType active_schedule;
    std::vector<double> lrs;
    std::vector<at::Tensor> parameters;
    std::vector<std::pair<at::Tensor, at::Tensor>> gradients;
  };

  Memory remember() {
    Memory memory{.state = cloned(this->training_state(), c10::kCPU),
                  .run = run_,
                  .schedule_place = this->schedule_place_,
                  .active_schedule = this->active_schedule_,
                  .lrs = {},
                  .parameters = {},
                  .gradients = {}};
    for (std::size_t group = 0; group < optimizer_.num_groups(); ++group) memory.lrs.push_back(optimizer_.lr(group));
    for (const auto& [name, parameter] : this->trained_modules().named_parameters()) {
      memory.parameters.push_back(parameter);
    }
    for (const at::Tensor& parameter : optimizer_.parameters()) memory.parameters.push_back(parameter);
    for (const auto& parameter : memory.parameters) {  // taken out, not copied
      if (auto& gradient = parameter.mutable_grad(); gradient.defined()) {
        memory.gradients.emplace_back(parameter, std::exchange(gradient, at::Tensor()));
      }
    }
    return memory;
  }

  void bring_back(const Memory& memory) {
    this->load_training_state(memory.state.template get<Dict>());
    for (std::size_t group = 0; group < memory.lrs.size(); ++group) optimizer_.set_lr(group, memory.lrs[group]);
    for (const auto& parameter : memory.parameters) parameter.mutable_grad().reset();
    for (const auto& [parameter, gradient] : memory.gradients) parameter.mutable_grad() = gradient;
    run_ = memory.run;
    this->schedule_place_ = memory.schedule_place;
    this->active_schedule_ = memory.active_schedule;
  }

  void make_updates(auto& dataset, const RehearsalOptions& options, auto& before, auto& after) {
    this->start_schedule(long_run);
    decltype(auto) batches =
        this->train_loader(dataset, {.batch_size = options.per_device_batch_size.value_or(detail::default_batch_size),
                                     .shuffle = options.shuffle.value_or(true),
                                     .drop_last = options.drop_last.value_or(false),
                                     .seed = options.seed ? *options.seed : this->common_seed(),
                                     .share = this->data_share()});
    require_share(batches, this->data_share());
    this->own_or(overrides::train_epoch_start{}, [this] { this->train_epoch_start(); });
    std::int64_t update = 0, in_window = 0;
    for (std::int64_t epoch = 0;; ++epoch) {
      const EpochScope scope(epoch);
      set_epoch(batches, epoch);
      bool is_empty = true;
      auto&& arriving = this->transfer_.over(batches, this->device_);
      for (auto&& batch : in_step(arriving, this->processes_, batch_count(batches).has_value())) {
        is_empty = false;
        if (in_window == 0) {
          this->train_loss_.reset();
          before(std::as_const(update));
        }
        this->train_step(batch, /*is_last=*/false);
        if (++in_window < this->accumulation_.num_batches_per_update()) continue;
        in_window = 0;
        if (!after(std::as_const(update), this->train_loss_.mean(this->processes_))) return;
        if (++update == options.num_updates) return;
      }
      if (is_empty) {
        throw DataError(
            sentence("The loader gave no batch in pass {}, after {} of {} updates. Give it data; a range that can "
                     "be walked through only once has to be long enough.",
                     {epoch + 1, update, options.num_updates}));
      }
    }
  }

  /// So long that a schedule stays near its beginning.
  static constexpr RunLength long_run{.num_updates = 1'000'000,
                                      .num_updates_per_epoch = 1'000,
                                      .num_epochs = 1'000,
                                      .num_train_batches_per_epoch = 1'000,
                                      .num_eval_batches_per_epoch = 1'000};
};

}  // namespace hone
