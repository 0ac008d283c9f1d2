// SPDX-License-Identifier: Apache-2.0
/// The components of a trainer: model, loss, optimizer, one policy for each slot, callbacks and overrides.
#pragma once

#include <type_traits>
#include <utility>

#include "hone/step/device_errors.hpp"
#include "hone/step/model.hpp"
#include "hone/step/parts.hpp"
#include "hone/step/tensor_format.hpp"
#include "hone/step/trained_modules.hpp"
#include "hone/step/traits.hpp"

namespace hone::detail {

/// The components of a trainer, in the order of their construction.
template <class T>
struct Components {
  typename T::Model model;
  typename T::Loss loss;
  [[no_unique_address]] typename T::Device device;
  [[no_unique_address]] typename T::Precision precision;
  [[no_unique_address]] typename T::Distribution processes;
  [[no_unique_address]] typename T::Accumulation accumulation;
  [[no_unique_address]] typename T::Clipping clipping;
  [[no_unique_address]] typename T::Schedule schedule;  ///< The schedule of the next run.
  [[no_unique_address]] typename T::Transfer transfer;
  [[no_unique_address]] typename T::Execution execution;
  [[no_unique_address]] typename T::MemoryFormat memory_format;
  [[no_unique_address]] typename T::Denormals denormals;
  [[no_unique_address]] typename T::Threads threads;
  [[no_unique_address]] typename T::Splitting splitting;
  [[no_unique_address]] typename T::Heap heap;
  [[no_unique_address]] typename T::Overrides overrides;
  [[no_unique_address]] typename T::Callbacks callbacks;
  typename T::BoundOptimizer optimizer;

  /// Moves the values out of the trainer's constructor arguments, moves the model and the loss to the device, and binds
  /// the optimizer to their parameters.
  template <class... Settings>
  Components(const ConstructorArgs<Settings...>& given, typename T::Model&& model_, typename T::Loss&& loss_,
             typename T::Optimizer&& optimizer_)
      : model(std::move(model_)),
        loss(std::move(loss_)),
        device(given.template take<typename T::Device>()),
        precision(given.template take<typename T::Precision>()),
        processes(given.template take<typename T::Distribution>()),
        accumulation(given.template take<typename T::Accumulation>()),
        clipping(given.template take<typename T::Clipping>()),
        schedule(given.template take<typename T::Schedule>()),
        transfer(given.template take<typename T::Transfer>()),
        execution(given.template take<typename T::Execution>()),
        memory_format(given.template take<typename T::MemoryFormat>()),
        denormals(given.template take<typename T::Denormals>()),
        threads(given.template take<typename T::Threads>()),
        splitting(given.template take<typename T::Splitting>()),
        heap(given.template take<typename T::Heap>()),
        overrides(given.template take<typename T::Overrides>()),
        callbacks(given.callbacks(std::type_identity<typename T::Callbacks>{})),
        optimizer(bound(std::move(optimizer_))) {}

  /// Returns the model and the loss as one module.
  [[nodiscard]] TrainedModules<typename T::Model, typename T::Loss> trained_modules() { return {model, loss}; }

  /// Returns the scope of the precision policy for a run, or for a step of the host's loop.
  [[nodiscard]] auto precision_scope() const {
    if constexpr (HasRunScope<typename T::Precision>) {
      return precision.over_run();
    } else {
      return NoScope{};
    }
  }

 private:
  using Precision = typename T::Precision;
  static constexpr bool converts_in_place = ConvertsTensors<Precision> && !KeepsMasterWeights<Precision>;

  typename T::BoundOptimizer bound(typename T::Optimizer&& given) {
    require_device(device, model);
    [[maybe_unused]] const auto current = device_scope(device);
    move_to(model, device.device());
    move_to(loss, device.device());
    if constexpr (InitializesOnDevice<Precision>) precision.start(device.device());
    if constexpr (HasMemoryFormat<typename T::MemoryFormat>) arrange_model<typename T::MemoryFormat>(unwrap(model));
    if constexpr (converts_in_place) convert();
    if constexpr (T::reduces) {
      auto modules = trained_modules();
      processes.start(modules);
    }
    if constexpr (KeepsMasterWeights<Precision>) {
      auto optimizer_of_copies = precision.over(bound_to_model(std::move(given)));
      convert();  // the remaining tensors: buffers, frozen parameters
      return optimizer_of_copies;
    } else if constexpr (ShardsOptimizer<typename T::Distribution>) {
      return processes.shard(bound_to_model(std::move(given)));
    } else {
      return bound_to_model(std::move(given));
    }
  }

  auto bound_to_model(typename T::Optimizer&& given) {
    auto result = bind(std::move(given), trained_modules().named_parameters());
    if constexpr (converts_in_place) {
      // The optimizer's earlier state has a different format than the parameters have now.
      if constexpr (requires { result.load_state(result.state()); }) result.load_state(result.state());
    }
    return result;
  }

  void convert() {
    arrange_model<Precision>(unwrap(model));
    arrange_model<Precision>(unwrap(loss));
  }
};

}  // namespace hone::detail
