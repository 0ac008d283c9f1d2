// SPDX-License-Identifier: Apache-2.0
/// The parts of a trainer: one of each, found by type, and the two ways in which the loop speaks to the user's own
/// code, events and overrides.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hone/callbacks/callback_set.hpp"
#include "hone/callbacks/console.hpp"
#include "hone/data/loader_options.hpp"
#include "hone/loop/activity.hpp"
#include "hone/loop/arrangement.hpp"
#include "hone/loop/device_errors.hpp"
#include "hone/loop/model.hpp"
#include "hone/loop/parts.hpp"
#include "hone/loop/rank_zero.hpp"
#include "hone/loop/trained_modules.hpp"
#include "hone/optim/optimizer.hpp"
#include "hone/policies/accumulation.hpp"
#include "hone/policies/clipping.hpp"
#include "hone/policies/denormals.hpp"
#include "hone/policies/device.hpp"
#include "hone/policies/distribution.hpp"
#include "hone/policies/execution.hpp"
#include "hone/policies/gradients.hpp"
#include "hone/policies/heap.hpp"
#include "hone/policies/memory_format.hpp"
#include "hone/policies/precision.hpp"
#include "hone/policies/splitting.hpp"
#include "hone/policies/threads.hpp"
#include "hone/policies/transfer.hpp"
#include "hone/schedule/schedule.hpp"

namespace hone {

/// What a trainer is made of. `Self` is the trainer, as events and overrides get it.
template <class Self, class Model, class Loss, class Optimizer, class... Policies>
class Assembly {
 public:
  using DeviceType = AnswerTo<slots::Device, Cpu, Policies...>;
  using PrecisionType = AnswerTo<slots::Precision, Fp32, Policies...>;
  using DistributionType = AnswerTo<slots::Distribution, SingleProcess, Policies...>;
  using AccumulationType = AnswerTo<slots::Accumulation, GradAccum<1>, Policies...>;
  using ClippingType = AnswerTo<slots::Clipping, NoClip, Policies...>;
  using ScheduleType = AnswerTo<slots::Schedule, NoSchedule, Policies...>;
  using TransferType = AnswerTo<slots::Transfer, Direct, Policies...>;
  using ExecutionType = AnswerTo<slots::Execution, Eager, Policies...>;
  using MemoryFormatType = AnswerTo<slots::MemoryFormat, ContiguousFormat, Policies...>;
  using DenormalsType = AnswerTo<slots::Denormals, FlushDenormals, Policies...>;
  using ThreadsType = AnswerTo<slots::Threads, AutoThreads, Policies...>;
  using GradientsType = AnswerTo<slots::Gradients, SetToNone, Policies...>;
  using SplittingType = AnswerTo<slots::Splitting, WholeBatches, Policies...>;
  using HeapType = AnswerTo<slots::Heap, SystemHeap, Policies...>;
  using CallbacksType = CallbacksAmong<Policies...>;
  using OverridesType = OverridesAmong<Policies...>;
  using OptimizerType = OptimizerUnder<PrecisionType, OptimizerAmong<DistributionType, BoundOptimizer<Optimizer>>>;

  [[nodiscard]] Model& model() { return model_; }
  [[nodiscard]] Loss& loss() { return loss_; }
  [[nodiscard]] OptimizerType& optimizer() { return optimizer_; }
  [[nodiscard]] CallbacksType& callbacks() { return callbacks_; }
  [[nodiscard]] OverridesType& overrides() { return overrides_; }  ///< The struct with overrides, to read its results.
  [[nodiscard]] const OverridesType& overrides() const { return overrides_; }
  [[nodiscard]] AccumulationType& accumulation() { return accumulation_; }
  [[nodiscard]] ClippingType& clipping() { return clipping_; }
  [[nodiscard]] ExecutionType& execution() { return execution_; }
  [[nodiscard]] SplittingType& splitting() { return splitting_; }
  [[nodiscard]] PrecisionType& precision() { return precision_; }
  [[nodiscard]] c10::Device device() const { return device_.device(); }
  [[nodiscard]] ScheduleType& schedule() { return schedule_; }  ///< What the next run will follow.
  [[nodiscard]] Run& run() { return run_; }                     ///< Lets an override or a host ask for a stop.
  [[nodiscard]] const Run& run() const { return run_; }
  [[nodiscard]] RunHistory& run_history() { return run_.history(); }

  [[nodiscard]] DistributionType& processes() { return processes_; }
  [[nodiscard]] int rank() const { return processes_.rank(); }
  [[nodiscard]] int world_size() const { return processes_.world_size(); }
  /// The share of a dataset that is this process's, for a loader that is not of the trainer's making.
  [[nodiscard]] DataShare data_share() const { return {rank(), world_size()}; }

  /// The rows of all processes, in the order of ranks, in each of them, in memory that they share with nothing.
  /// Collective.
  ///
  /// **Shapes** those of a process may differ from the others' in the first dimension, which may be 0.
  [[nodiscard]] at::Tensor gather(const at::Tensor& rows) {
    if constexpr (ReducesGradients<DistributionType>) {
      return at::cat(processes_.gather(rows.dim() == 0 ? rows.reshape({1}) : rows));
    } else {
      return rows.dim() == 0 ? rows.reshape({1}).clone() : rows.clone();
    }
  }

  /// Makes each of `numbers`, in every process, its sum over all of them. Collective. With one process, nothing.
  void sum_over_processes([[maybe_unused]] std::span<double> numbers) {
    if constexpr (ReducesGradients<DistributionType>) {
      processes_.begin_exchange(numbers);
      const auto sums = processes_.end_exchange();
      std::copy(sums.begin(), sums.end(), numbers.begin());
    }
  }

  /// What `f` returns or throws, called in the one process that prints and writes files, in all of them; see
  /// `hone::in_rank_zero`. Collective. With one process, a call.
  template <class F>
  auto in_rank_zero(F&& f) {
    return hone::in_rank_zero(processes_, f);
  }

  /// Prints a line on standard output, once, however many processes train. In a callback: `print_once`.
  void print(std::string_view line) const {
    if (processes_.rank() == 0) detail::put(stdout, std::string(line) + "\n");
  }

  /// Tells an event of the user's own to the callbacks that have `on_event` for it.
  template <class E>
  void tell(const E& event) {
    if constexpr (CallbacksType::template relays<E>) {
      if (!is_silent_) callbacks_.tell(event);
    }
  }

 protected:
  template <class... Settings>
  Assembly(const Given<Settings...>& given, Model model, Loss loss_function, Optimizer optimizer)
      : model_(std::move(model)),
        loss_(std::move(loss_function)),
        device_(given.template take<DeviceType>()),
        precision_(given.template take<PrecisionType>()),
        processes_(given.template take<DistributionType>()),
        accumulation_(given.template take<AccumulationType>()),
        clipping_(given.template take<ClippingType>()),
        schedule_(given.template take<ScheduleType>()),
        transfer_(given.template take<TransferType>()),
        execution_(given.template take<ExecutionType>()),
        memory_format_(given.template take<MemoryFormatType>()),
        denormals_(given.template take<DenormalsType>()),
        threads_(given.template take<ThreadsType>()),
        splitting_(given.template take<SplittingType>()),
        heap_(given.template take<HeapType>()),
        overrides_(given.template take<OverridesType>()),
        callbacks_(given.callbacks(std::type_identity<CallbacksType>{})),
        optimizer_(bound(std::move(optimizer))),
        active_schedule_(schedule_) {
    static_assert(Given<Settings...>::template all_among<Policies...>());
  }

  OptimizerType bound(Optimizer&& optimizer) {
    require_device(device_, model_);
    [[maybe_unused]] const auto current = device_scope(device_);
    move_to(model_, device_.device());
    move_to(loss_, device_.device());
    if constexpr (StartsOnDevice<PrecisionType>) precision_.start(device_.device());
    if constexpr (ArrangesTensors<MemoryFormatType>) arrange_model<MemoryFormatType>(pointee(model_));
    if constexpr (ConvertsTensors<PrecisionType> && !KeepsMasterWeights<PrecisionType>) convert();
    if constexpr (ReducesGradients<DistributionType>) {
      auto modules = trained_modules();
      processes_.start(modules);
    }
    if constexpr (KeepsMasterWeights<PrecisionType>) {
      auto optimizer_of_copies = precision_.over(bound_to_model(std::move(optimizer)));
      convert();  // what it left: buffers, frozen parameters
      return optimizer_of_copies;
    } else if constexpr (ShardsOptimizer<DistributionType>) {
      return processes_.shard(bound_to_model(std::move(optimizer)));
    } else {
      return bound_to_model(std::move(optimizer));
    }
  }

  auto bound_to_model(Optimizer&& optimizer) {
    auto result = bind(std::move(optimizer), trained_modules().named_parameters());
    if constexpr (ConvertsTensors<PrecisionType> && !KeepsMasterWeights<PrecisionType>) {
      // What it remembers from before the trainer is of another format than the parameters are now.
      if constexpr (requires { result.load_state(result.state()); }) result.load_state(result.state());
    }
    return result;
  }

  void convert() {
    arrange_model<PrecisionType>(pointee(model_));
    arrange_model<PrecisionType>(pointee(loss_));
  }

  [[nodiscard]] TrainedModules<Model, Loss> trained_modules() { return {model_, loss_}; }

  /// Lives over a run, or over a step of the host's own loop.
  [[nodiscard]] auto number_format() const {
    if constexpr (SpansRuns<PrecisionType>) {
      return precision_.over_run();
    } else {
      return NoScope{};
    }
  }

  Self& self() { return static_cast<Self&>(*this); }

  /// Calls `f` with the device as the thread's current one, and explains the device's errors. On the host, a call.
  template <class F>
  decltype(auto) on_device(F&& f) {
    if constexpr (HostReadable<DeviceType>) {
      return std::forward<F>(f)();
    } else {
      [[maybe_unused]] const auto current = device_scope(device_);
      return with_device_errors(device_.device(), std::forward<F>(f));
    }
  }

  /// Tells an event of the loop, with the trainer and what else is at hand, to the listeners that hear it. Where none
  /// does, nothing is left of the call.
  template <class Listeners, class E, class... Facets>
  void announce_to(Listeners& listeners, const E& event, const Facets&... facets) {
    using Extended = Told<E, WithTrainer<Self>, Facets...>;
    if constexpr (Listeners::template relays<Extended>) {
      if (!is_silent_) [[likely]]
        listeners.tell(Extended{event, {self()}, facets...});
    }
  }
  /// The same to the trainer's callbacks.
  template <class E, class... Facets>
  void announce(const E& event, const Facets&... facets) {
    announce_to(callbacks_, event, facets...);
  }

  /// While it lives, nobody hears anything.
  class Silence {
   public:
    explicit Silence(Assembly& trainer) : trainer_(trainer), before_(std::exchange(trainer.is_silent_, true)) {}
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;
    ~Silence() { trainer_.is_silent_ = before_; }

   private:
    Assembly& trainer_;
    bool before_;
  };

  /// The override `Point` where there is one, in the number format of the precision policy; else the trainer's own
  /// step, which chooses its number format itself.
  template <class Point, class Standard, class Batch>
  auto own_pass_or(Point point, Standard&& standard, Batch& batch) {
    if constexpr (has_override<Point, OverridesType, Self, Batch>) {
      [[maybe_unused]] const auto region = precision_.region(device_.device());
      return Point::call(overrides_, self(), batch);
    } else {
      return own_or(point, standard, batch);
    }
  }

  /// Calls the user's own step where there is one, else the loop's.
  template <class Point, class Standard, class... Args>
  decltype(auto) own_or(Point, Standard&& standard, Args&... args) {
    static_assert(checked_override<Point, OverridesType, Self, Args...>);
    if constexpr (has_override<Point, OverridesType, Self, Args...>) {
      return Point::call(overrides_, self(), args...);
    } else {
      return standard(args...);
    }
  }

  Model model_;
  Loss loss_;
  [[no_unique_address]] DeviceType device_;
  [[no_unique_address]] PrecisionType precision_;
  [[no_unique_address]] DistributionType processes_;
  [[no_unique_address]] AccumulationType accumulation_;
  [[no_unique_address]] ClippingType clipping_;
  [[no_unique_address]] ScheduleType schedule_;
  [[no_unique_address]] TransferType transfer_;
  [[no_unique_address]] ExecutionType execution_;
  [[no_unique_address]] MemoryFormatType memory_format_;
  [[no_unique_address]] DenormalsType denormals_;
  [[no_unique_address]] ThreadsType threads_;
  [[no_unique_address]] SplittingType splitting_;
  [[no_unique_address]] HeapType heap_;
  [[no_unique_address]] OverridesType overrides_;
  [[no_unique_address]] CallbacksType callbacks_;
  OptimizerType optimizer_;
  [[no_unique_address]] ScheduleType active_schedule_;  ///< Resolved for the run.
  Run run_;
  Activity activity_;

 private:
  bool is_silent_ = false;
};

}  // namespace hone
