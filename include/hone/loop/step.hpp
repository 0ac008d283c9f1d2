// SPDX-License-Identifier: Apache-2.0
/// One training step: forward, loss, backward and, when a window of batches is complete, the update.
#pragma once

#include <ATen/ops/_foreach_mul.h>
#include <c10/core/GradMode.h>

#include <cstdint>
#include <type_traits>
#include <utility>

#include "hone/data/loader.hpp"
#include "hone/loop/agreement.hpp"
#include "hone/loop/batch_loss.hpp"
#include "hone/loop/guards.hpp"
#include "hone/loop/losses_tracker.hpp"
#include "hone/loop/multiplications.hpp"
#include "hone/loop/no_loss.hpp"
#include "hone/loop/objectives.hpp"
#include "hone/loop/out_of_memory.hpp"
#include "hone/loop/recordable.hpp"
#include "hone/loop/untrained.hpp"
#include "hone/loop/window.hpp"
#include "hone/schedule/apply_schedule.hpp"

namespace hone {

/// The arithmetic of a step for the parts of a trainer.
template <class Self, class Model, class Loss, class Optimizer, class... Policies>
class TrainingStep : public Agreement<Self, Model, Loss, Optimizer, Policies...> {
  using Parts = Agreement<Self, Model, Loss, Optimizer, Policies...>;

 public:
  using typename Parts::AccumulationType;
  using typename Parts::CallbacksType;
  using typename Parts::ClippingType;
  using typename Parts::DeviceType;
  using typename Parts::DistributionType;
  using typename Parts::ExecutionType;
  using typename Parts::GradientsType;
  using typename Parts::MemoryFormatType;
  using typename Parts::PrecisionType;
  using typename Parts::ScheduleType;

  /// Whether the learning rates belong to a schedule.
  static constexpr bool schedule_drives_lr = drives_lr<ScheduleType>;

  /// The schedule with the run's facts filled in.
  [[nodiscard]] const ScheduleType& active_schedule() const { return active_schedule_; }
  /// Updates since the schedule began: its value for this one is in force.
  [[nodiscard]] std::int64_t scheduled_updates() const {
    return schedule_place_.started ? schedule_place_.updates : schedule_place_.continued;
  }

  /// The next run starts the schedule from the beginning, also after a checkpoint was loaded.
  void restart_schedule() {
    schedule_place_.continued = 0;
    schedule_place_.started = false;
  }

  /// One full training step with every policy: forward, loss, backward and, when a window of batches is complete, the
  /// update. Returns what the loss step returned. The model is in the mode that the caller gave it. Threads, denormal
  /// flags, gradient mode and number formats are as before when it returns or throws.
  ///
  /// Gradients that are there when a window begins, from another backward pass, are dropped.
  ///
  /// A stop that a callback asks for concerns this batch alone: `TerminateOnNaN` drops a batch whose loss is NaN, the
  /// next call learns again, and in between `run().stop_requested()` and `run().stop_reason()` tell. Callbacks that
  /// need a run with a beginning and an end work between `begin_run` and its `end`.
  ///
  /// **Errors** `std::logic_error` inside of a run of this trainer, and for a callback that needs a run.
  template <class Batch>
  auto step(Batch&& batch) {
    if (!activity_.is_idle()) [[unlikely]]
      refuse_call("step", activity_, "The run makes its own steps; one of begin_run is stepped with its own `step`.");
    if constexpr (CallbacksType::needs_run) CallbacksType::refuse_step_without_run();
    require_trainable();
    run_.forget_stop();
    return host_step(batch, [&] {
      if constexpr (has_schedule) {
        if (!schedule_place_.started) start_schedule(RunLength{});
      }
      start_from_own_gradients();
      return train_step(batch, /*is_last=*/false);
    });
  }

  /// The mean loss over the samples of the epoch, up to now; in a host's own loop, of all steps since
  /// `reset_mean_loss()` or the last run. NaN without samples. Collective; waits for the device.
  [[nodiscard]] double mean_loss() const { return train_loss_.mean(processes_); }
  void reset_mean_loss() { train_loss_.reset(); }

  /// Does the update of a window of batches that is not complete, with the mean over its true length. `step` needs it
  /// only when gradients are accumulated and the data ends early.
  void finish_window() {
    if (window_.empty()) return;
    [[maybe_unused]] const auto denormals = this->denormals_.over_step();
    [[maybe_unused]] const auto number_format = this->number_format();
    this->on_device([&] {
      if constexpr (has_objectives) {
        Objectives::finish_window(*this);
      } else if constexpr (reduces) {
        processes_.average_gradients();
        begin_agreement(window_.total());
        update_if_agreed();
      } else {
        update();
      }
    });
  }

  // ------------------------------------------------------------------- the loop's own steps, for overrides to call

  /// The batches of a dataset, of a range of batches, or of what a pointer points to; a range is passed on by
  /// reference.
  template <class Dataset>
  decltype(auto) create_train_dataloader(Dataset& dataset, const LoaderOptions& options) {
    return batches_of(dataset, options);
  }
  template <class Dataset>
  decltype(auto) create_eval_dataloader(Dataset& dataset, const LoaderOptions& options) {
    return batches_of(dataset, options);
  }
  /// Switches the model to training.
  void train_epoch_start() { set_training(model_, true); }
  /// Switches the model to evaluation.
  void eval_epoch_start() { set_training(model_, false); }
  /// Forward and loss of a batch, in the number format of the precision policy.
  template <class Batch>
  detail::LossStepOutput<Model, Loss, Batch> train_batch_loss(Batch& batch) {
    [[maybe_unused]] const auto region = precision_.region(device_.device());
    return batch_loss(model_, loss_, batch);
  }
  /// The same in an evaluation: forward and loss of a batch, without any override.
  template <class Batch>
  detail::LossStepOutput<Model, Loss, Batch> eval_batch_loss(Batch& batch) {
    return train_batch_loss(batch);
  }
  /// The model's outputs for a batch.
  template <class Batch>
  auto predict_batch(Batch& batch) {
    [[maybe_unused]] const auto region = precision_.region(device_.device());
    return with_inputs(batch, [this](auto&... inputs) { return forward_or_explain(model_, inputs...); });
  }
  void backward(const at::Tensor& loss) { backward_or_explain(loss); }
  void optimizer_step() {
    if constexpr (ScalesLoss<PrecisionType> && has_objectives) {
      precision_.step(optimizer_);
    } else if constexpr (ScalesLoss<PrecisionType>) {
      precision_.update(optimizer_);
    } else {
      optimizer_.step();
    }
  }
  /// Sets the learning rates, or what else the schedule drives, for the coming update.
  void scheduler_step() {
    if constexpr (has_schedule) apply_schedule(active_schedule_, optimizer_, schedule_place_.updates);
  }
  void zero_grad() { GradientsType::clear(optimizer_); }

 protected:
  /// **Errors** `std::invalid_argument` where there is nothing to train.
  void require_trainable() const {
    if constexpr (std::is_same_v<Optimizer, NoOptimizer>) {
      static_assert(sizeof(detail::trainer_without_optimizer<Optimizer>) > 0);
    } else if (has_no_parameters()) [[unlikely]] {
      refuse_to_train();
    }
  }

  [[nodiscard]] bool has_no_parameters() const {
    if constexpr (std::is_same_v<decltype(optimizer_.parameters()), at::TensorList>) {
      return optimizer_.parameters().empty();
    } else {
      return optimizer_.num_groups() == 0;  // a list of all would be made anew
    }
  }
  [[noreturn, gnu::noinline]] static void refuse_to_train() {
    throw std::invalid_argument(
        "The trainer has no parameters to train: when it was made, the model had none that requires a gradient. "
        "Unfreeze "
        "one with set_requires_grad(true), or add a layer with parameters, and make the trainer after that.");
  }

  static constexpr bool has_schedule = !std::is_same_v<ScheduleType, NoSchedule>;
  static constexpr bool accumulates = !UpdatesEveryBatch<AccumulationType>;
  using Parts::reduces;
  static constexpr bool splits = SplitsBatches<typename Parts::SplittingType>;
  static constexpr bool weighs = accumulates || reduces || splits;  ///< A batch is a share of an update.
  static constexpr bool has_objectives = SeveralLosses<Loss>;

  /// The arithmetic of several losses.
  friend struct Objectives;

  using Parts::accumulation_;
  using Parts::active_schedule_;
  using Parts::activity_;
  using Parts::agree_on_stop;
  using Parts::announce;
  using Parts::begin_agreement;
  using Parts::clipping_;
  using Parts::device_;
  using Parts::end_agreement;
  using Parts::execution_;
  using Parts::loss_;
  using Parts::model_;
  using Parts::optimizer_;
  using Parts::own_or;
  using Parts::own_pass_or;
  using Parts::Parts;
  using Parts::precision_;
  using Parts::processes_;
  using Parts::run_;
  using Parts::schedule_;
  using Parts::splitting_;
  using Parts::weight_among_processes;

  /// Calls `f`, a step of the host's own loop, with the settings of this trainer in force.
  template <class Batch, class F>
  auto host_step(const Batch& batch, F&& f, int num_threads = 0) {
    const ActivityGuard activity(activity_.steps);
    return in_settings(num_threads > 0 ? num_threads : step_threads(batch), std::forward<F>(f));
  }

  /// Calls `f` with gradients on, with so many threads (0 leaves them), denormals, number formats and device as the
  /// policies say.
  template <class F>
  auto in_settings(int num_threads, F&& f) {
    const at::AutoGradMode gradients(true);
    const ThreadGuard threads(num_threads);
    [[maybe_unused]] const auto denormals = this->denormals_.over_step();
    [[maybe_unused]] const auto number_format = this->number_format();
    return this->on_device(std::forward<F>(f));
  }

  /// How many threads the operators of a step use: found with the first batch, and again when the host sets another
  /// number.
  template <class Batch>
  [[nodiscard]] int step_threads(const Batch& batch) {
    if (const int available = at::get_num_threads(); available != step_threads_.available) [[unlikely]] {
      step_threads_ = {available, this->threads_.num_threads(multiplications_in(pointee(model_), batch), available)};
    }
    return step_threads_.used;
  }

  /// A batch where the device policy wants it and as memory format and precision do; the batch itself when it is so.
  template <class Batch>
  decltype(auto) taken_in(Batch& arrived) {
    if constexpr (arranges<MemoryFormatType, PrecisionType>) {
      return arranged_batch<MemoryFormatType, PrecisionType>(device_.move(arrived));
    } else {
      return device_.move(arrived);
    }
  }

  /// The training batches of a dataset: of the user's own making where there is one.
  template <class Dataset>
  decltype(auto) train_loader(Dataset& dataset, const LoaderOptions& options) {
    return batches_from([&]() -> decltype(auto) {
      return own_or(
          overrides::create_train_dataloader{},
          [this](auto& set, auto& how) -> decltype(auto) { return this->create_train_dataloader(set, how); }, dataset,
          options);
    });
  }

  /// `more` is what the end of the step carries beside the batch and its output.
  template <class Batch, class... Facets>
  auto train_step(Batch& arrived, bool is_last, const Facets&... more) {
    auto&& batch = taken_in(arrived);
    announce(TrainStepStart{{run_}}, WithBatch{batch});
    auto output = done(batch, is_last);
    if constexpr (GivesUp<PrecisionType>) {
      if (precision_.gives_up()) [[unlikely]]
        run_.request_stop(precision_.reason());
    }
    announce(TrainStepEnd{{run_}}, WithBatch{batch}, WithOutput{output}, more...);
    ++run_.batch_;
    return output;
  }

  template <class Batch>
  auto done(Batch& batch, bool is_last) {
    if constexpr (RecordsSteps<ExecutionType>) {
      return learn_recorded(batch, is_last);
    } else {
      return execution_.run([&](auto& input) { return learn_from(input, is_last); }, batch);
    }
  }

  /// True when the batch at hand completes a window.
  [[nodiscard]] bool update_follows(bool is_last) const {
    return !accumulates || is_last || window_.size() + 1 == accumulation_.num_batches_per_update();
  }

  template <class Batch>
  auto learn_from(Batch& batch, bool is_last)
    requires has_objectives
  {
    return Objectives::learn(*this, batch, is_last);
  }
  template <class Batch>
  auto learn_from(Batch& batch, bool is_last) {
    const bool update_follows = this->update_follows(is_last);
    if constexpr (reduces) processes_.before_forward(update_follows);
    auto output = output_of(batch);
    announce(TrainLoss{{run_}}, WithBatch{batch}, WithOutput{output});
    if (run_.stop_ == Run::Stop::before_update) [[unlikely]] {
      drop_window();
      return output;
    }
    train_loss_.add(output.loss, items_in(output));
    if constexpr (reduces) {
      learn_together(output, update_follows);
    } else {
      if constexpr (!splits) {
        backward_share(output.loss,
                       accumulates ? window_.add(weight_of(output), accumulation_.num_batches_per_update()) : 1.0);
      }
      if (update_follows) update();
    }
    return output;
  }

  /// The same for an execution policy that records: what the device does, apart from what the host counts. Gradients
  /// of several processes are averaged after backward, and what they agree on is on its way all the while.
  template <class Batch>
  auto learn_recorded(Batch& batch, bool is_last)
    requires RecordsSteps<ExecutionType>
  {
    using Output = decltype(forward_pass(batch));
    static_assert(detail::recordable<CallbacksType, Self, std::remove_const_t<Batch>, Output, weighs>);
    constexpr bool is_heard =
        CallbacksType::template relays<Told<TrainLoss, WithTrainer<Self>, WithBatch<Batch>, WithOutput<Output>>>;
    const WindowPlace place{window_.empty(), update_follows(is_last), accumulation_.num_batches_per_update()};
    const Window before = window_;
    const double share = window_.add(this->weight_of_recorded(batch), place.num_batches, 1.0);
    const bool is_short = place.updates && window_.size() != place.num_batches;
    const auto agree = [&](bool is_due) {
      if constexpr (reduces) {
        if (is_due && place.updates) return end_agreement();
      }
      return true;
    };
    const auto begin_to_agree = [&] {
      if constexpr (reduces) {
        if (place.updates) begin_agreement(window_.total());
      }
    };

    const auto forward = [this](Batch& input) -> Output { return forward_pass(input); };
    const auto tell = [&](const Output& output) {
      announce(TrainLoss{{run_}}, WithBatch{batch}, WithOutput{output});
      if (run_.stop_ != Run::Stop::before_update) train_loss_.add(output.loss, items_in(output));
      if constexpr (is_heard) begin_to_agree();
      return agree(is_heard) && run_.stop_ != Run::Stop::before_update;
    };
    const auto learn = [&](const Output& output) {
      backward_share(output.loss, share);
      if (!place.updates) return;
      if constexpr (reduces) processes_.average_gradients();
      if constexpr (ScalesLoss<PrecisionType>) unscale();
      if (is_short) {  // and not recorded
        agree(!is_heard);
        correct_window();
      }
      clip();
      own_or(overrides::optimizer_step{}, [this] { optimizer_step(); });
      own_or(overrides::zero_grad{}, [this] { zero_grad(); });
    };
    const auto run = [&](const auto& between) {
      try {
        if constexpr (!is_heard) begin_to_agree();
        return execution_.template run<Output>(place, is_training(model_), !is_short && this->is_cut_evenly(batch),
                                               batch, optimizer_, forward, between, learn);
      } catch (...) {
        window_ = before;
        throw;
      }
    };

    if constexpr (is_heard) {
      bool goes_on = true;
      auto output = run([&](const Output& loss) { return goes_on = tell(loss); });
      goes_on ? end_recorded(place) : drop_window();
      return output;
    } else {
      auto output = run(NoScope{});
      tell(output);
      agree(!is_short);
      end_recorded(place);
      return output;
    }
  }
  void end_recorded(const WindowPlace& place) {
    if (!place.updates) return;
    window_.reset();
    count_update();
    announce(OptimizerStep{{run_}});
  }

  /// Forward and loss; where batches are split, of one part after the other, each with its backward.
  template <class Batch>
  auto output_of(Batch& batch) {
    if constexpr (splits) {
      const auto forward = [this](auto& part) { return this->forward_pass(part); };
      Window ahead;
      double share = 1.0;
      const std::int64_t num_batches = accumulation_.num_batches_per_update();
      const auto backward = [&](const auto& output, double fraction, bool is_first) {
        const double weight = weight_of(output);
        if (is_first) {
          ahead = window_;
          share = ahead.add(weight, num_batches);
        } else if constexpr (requires { output.num_items; }) {
          share = ahead.add_to_last(weight, num_batches);
        }
        if constexpr (requires { output.num_items; }) fraction = 1.0;  // its items say what a part counts
        this->backward_share(output.loss, share * fraction);
      };
      const auto& parameters = optimizer_.parameters();
      auto output = splitting_.learn(batch, forward, backward,
                                     BatchSurroundings{.device = device_.device(),
                                                       .parameters = parameters,
                                                       .buffers = this->trained_modules().buffers(),
                                                       .is_out_of_memory = &is_out_of_memory,
                                                       .release_cached_memory = &release_cached_memory});
      window_ = ahead;
      return output;
    } else {
      return forward_pass(batch);
    }
  }

  /// Forward and loss of training: the override where there is one.
  template <class Batch>
  auto forward_pass(Batch& batch) {
    return own_pass_or(overrides::train_batch_loss{}, [this](auto& b) { return this->train_batch_loss(b); }, batch);
  }

  /// Backward of a batch's share of the mean over the window.
  void backward_share(const at::Tensor& whole, double share) {
    const auto standard = [this](const at::Tensor& value) { backward(value); };
    if constexpr (ComputesGradients<Model>) {
      pointee(model_).hand_over_gradients(share);
    } else if constexpr (weighs || ScalesLoss<PrecisionType>) {
      at::Tensor loss = whole;
      if constexpr (weighs) {
        if (share != 1.0) loss = loss * share;
      }
      if constexpr (ScalesLoss<PrecisionType>) loss = precision_.scale(loss);
      own_or(overrides::backward{}, standard, loss);
    } else {
      own_or(overrides::backward{}, standard, whole);
    }
  }

  /// Backward and the update, each the same in all processes. What they have to agree on is on its way meanwhile.
  void learn_together(const auto& output, bool update_follows) {
    const double share = window_.add(weight_among_processes(output), accumulation_.num_batches_per_update(), 1.0);
    if (update_follows) begin_agreement(window_.total());
    processes_.backward(output.loss, update_follows, [&](const at::Tensor& loss) { backward_share(loss, share); });
    if constexpr (ComputesGradients<Model>) {  // behind autograd's back
      if (update_follows) processes_.average_gradients();
    }
    if (update_follows) update_if_agreed();
  }

  void update_if_agreed()
    requires(Parts::reduces)
  {
    end_agreement() ? update() : drop_window();
  }

  void update() {
    if constexpr (ScalesLoss<PrecisionType>) unscale();
    if constexpr (weighs) correct_window();
    window_.reset();
    clip();
    if constexpr (Parts::hears_gradients) agree_on_stop();
    if (run_.stop_ == Run::Stop::before_update) [[unlikely]]
      return drop_window();
    own_or(overrides::optimizer_step{}, [this] { optimizer_step(); });
    count_update();
    own_or(overrides::zero_grad{}, [this] { zero_grad(); });
    announce(OptimizerStep{{run_}});
  }

  /// What the host does about an update.
  void count_update() {
    ++run_.num_updates_;
    if constexpr (has_schedule) ++schedule_place_.updates;
    run_.history_.set_num_updates(run_.history_.num_updates() + 1);
    own_or(overrides::scheduler_step{}, [this] { scheduler_step(); });
  }

  void unscale()
    requires ScalesLoss<PrecisionType>
  {
    precision_.unscale(optimizer_.collect_gradients());
    if constexpr (ShardsOptimizer<DistributionType>) {  // else all have all gradients
      const auto& found = precision_.found_inf();
      found.copy_(processes_.of_each(found).amax());
    }
  }

  /// Makes the gradients of a window that ended early, or whose batches count differently, the mean over it.
  void correct_window() { correct_window(window_); }
  void correct_window(const Window& window) {
    double correction = 0.0;
    if constexpr (reduces) {
      correction = Window::correction(accumulation_.num_batches_per_update(),
                                      this->window_total() / processes_.world_size(), 1.0);
    } else {
      correction = window.correction(accumulation_.num_batches_per_update());
    }
    if (correction == 1.0) return;
    const at::NoGradGuard no_gradients;
    const auto gradients = optimizer_.collect_gradients();
    if (!gradients.empty()) at::_foreach_mul_(gradients, correction);
  }

  /// `more` is what the event about final gradients carries.
  template <class... Facets>
  void clip(const Facets&... more) {
    if constexpr (ShardsOptimizer<DistributionType>) {
      clip_shard();
    } else if constexpr (ClipPolicy<ClippingType>) {
      const at::NoGradGuard no_gradients;
      const auto gradients = optimizer_.collect_gradients();
      if constexpr (std::is_void_v<decltype(clipped_by(clipping_, gradients))>) {
        if (!gradients.empty()) clipped_by(clipping_, gradients);
        announce(BeforeOptimizerStep{{run_}}, more...);
      } else {
        const auto clipped = clipped_by(clipping_, gradients);
        announce(BeforeOptimizerStep{{run_}}, WithClipped{clipped}, more...);
      }
    } else {
      announce(BeforeOptimizerStep{{run_}}, more...);
    }
  }

  /// Where steps are recorded, without a number that the host has read.
  static decltype(auto) clipped_by(ClippingType& clipping, at::TensorList gradients)
    requires ClipPolicy<ClippingType>
  {
    if constexpr (RecordsSteps<ExecutionType> && ClipsUnread<ClippingType>) {
      return clipping.clip_unread(gradients);
    } else {
      return clipping.clip(gradients);
    }
  }

  /// The same where this process has a part of the gradients.
  void clip_shard()
    requires ShardsOptimizer<DistributionType>
  {
    const at::NoGradGuard no_gradients;
    const auto gradients = optimizer_.collect_gradients();
    if constexpr (ClipsShards<ClippingType>) {
      const auto clipped =
          clipping_.clip(gradients, [this](const at::Tensor& norm) { return processes_.of_each(norm); });
      announce(BeforeOptimizerStep{{run_}}, WithClipped{clipped});
    } else {
      if constexpr (ClipPolicy<ClippingType>) {
        if (!gradients.empty()) clipping_.clip(gradients);
      }
      announce(BeforeOptimizerStep{{run_}});
    }
  }

  [[nodiscard]] bool asks_for_stop_before_update() const { return run_.stop_ == Run::Stop::before_update; }

  void drop_window() {
    window_.reset();
    objectives_.reset();
    zero_grad();
  }

  /// **Errors** `std::invalid_argument` when a loaded checkpoint leaves the schedule at or behind the end that a run of
  /// this length gives it: nothing more would be learned.
  void require_schedule_left(const RunLength& length) const {
    if constexpr (has_schedule) {
      if (schedule_place_.continued == 0 || !length.num_updates) return;
      if (schedule_place_.continued < *length.num_updates || !depends_on_length(schedule_, length)) return;
      throw std::invalid_argument(sentence(
          "The schedule is over: the loaded checkpoint is at update {} of it, and in this run it ends at update "
          "{}. Start it from the beginning, with load_checkpoint(path, {}) or "
          "trainer.restart_schedule(), or train for more epochs.",
          {schedule_place_.continued, *length.num_updates, "{.load_scheduler = false}"}));
    }
  }

  /// A step of the host's own loop begins: what other backward passes have left in the parameters is not its own.
  void start_from_own_gradients() {
    if constexpr (!RecordsSteps<ExecutionType>) {
      if (window_.empty()) zero_grad();
    }
    if (!has_looked_for_untrained_) [[unlikely]]
      warn_of_untrained();
  }
  /// Prints a warning, once, when parameters require a gradient and no optimizer holds them.
  [[gnu::noinline]] void warn_of_untrained() {
    has_looked_for_untrained_ = true;
    if (has_warned_of_untrained_ || processes_.rank() != 0) return;
    has_warned_of_untrained_ = warn_of_untrained_parameters(this->trained_modules().named_parameters(), optimizer_);
  }

  void start_schedule(const RunLength& length) {
    if constexpr (has_schedule) {
      active_schedule_ = resolve_schedule(schedule_, length);
      schedule_place_.started = true;
      set_scheduled_updates(std::exchange(schedule_place_.continued, 0));
    }
  }
  void set_scheduled_updates(std::int64_t updates) {
    schedule_place_.updates = updates;
    scheduler_step();
  }
  /// The schedule's next start is at this update.
  void continue_schedule(std::int64_t updates) {
    schedule_place_.continued = updates;
    schedule_place_.started = false;
  }

  /// Where the schedule is.
  struct SchedulePlace {
    std::int64_t updates = 0;
    std::int64_t continued = 0;  ///< The update at which its next start is.
    bool started = false;
  };

  /// Threads of a step of the host's own loop.
  struct StepThreads {
    int available = 0;  ///< That the host has set.
    int used = 0;
  };

  TrackerOf<DeviceType, Loss> train_loss_;
  StepThreads step_threads_;
  Window window_;
  [[no_unique_address]] ObjectiveWindows<Loss> objectives_;
  SchedulePlace schedule_place_;
  bool has_looked_for_untrained_ = false;
  bool has_warned_of_untrained_ = false;
};

}  // namespace hone
