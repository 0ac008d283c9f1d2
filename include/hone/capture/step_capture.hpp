// SPDX-License-Identifier: Apache-2.0
/// A training step that is captured once and replayed.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/Device.h>
#include <c10/util/Exception.h>

#include <any>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/capture/batch_shapes.hpp"
#include "hone/capture/capture_key.hpp"
#include "hone/capture/capture_requirements.hpp"
#include "hone/capture/captured_steps.hpp"
#include "hone/capture/graph_recorder.hpp"
#include "hone/capture/step_capture_options.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/batch.hpp"
#include "hone/policies/execution.hpp"
#ifdef HONE_WITH_CUDA
#include "hone/capture/cuda_graph_recorder.hpp"
#endif

namespace hone {

#ifndef HONE_WITH_CUDA
/// A placeholder for the recorder of CUDA graphs in a program without CUDA. A trainer with it does not compile.
struct CudaGraphRecorder {
  using is_not_compiled = void;
  static constexpr c10::DeviceType device_type = c10::kCUDA;
  using Recording = int;
};
#endif

/// Captures the device work of a training step (forward, loss, backward, unscaling, clipping, update) once for each
/// position in a gradient accumulation window, and replays it with one launch instead of hundreds. This is faster if
/// the operators of a step take less time on the device than their launches take on the host.
///
/// The first steps run eagerly (`StepCaptureOptions::warm_up`). Then each batch is copied into the input tensors of the
/// graph. Learning rates, step counts and the loss scale are tensors on the device, and each replay advances the
/// device's generator. Batches of other shapes, such as the last batch of an epoch, and a short window at the end of an
/// epoch run eagerly. After more than `warm_up` consecutive batches of other shapes, the new shape is captured instead.
/// The graphs are discarded, and captured again, when a parameter is replaced, frozen or unfrozen, the model's mode or
/// the number of batches per update changes, an optimizer state is loaded, or an optimizer setting other than `lr`
/// changes. After a failed capture all steps run eagerly, and the reason is logged once.
///
/// Values that overrides and the model compute on the host, and values of other policies, such as the bound of
/// `ClipNorm`, are constants in the graph: call `forget` after changing them. Handlers of `on_train_loss` are called
/// between two graphs. The tensors that a step returns are valid until the next step.
///
/// **Errors** at compile time, one message, for policies and optimizers whose work cannot be captured.
/// **Example** `hone::Trainer{model, loss, hone::AdamW{.lr = 3e-4}, hone::Cuda<>{}, hone::Bf16{},
/// hone::StepCapture<>{}}`
/// **Source** `torch.cuda.graph`, whole-network capture.
template <class Recorder = CudaGraphRecorder>
class StepCapture : public detail::CaptureRequirements<Recorder> {
 public:
  using slot = slots::Execution;
  static constexpr bool captures_steps = true;

  explicit StepCapture(const StepCaptureOptions& options = {}) : options_(options) {}

  /// The number of steps and captures so far.
  struct Counts {
    std::int64_t eager = 0;     ///< Steps that ran eagerly.
    std::int64_t replayed = 0;  ///< Steps that a graph replayed.
    int recordings = 0;         ///< Captures.
    std::string reason;         ///< Why steps were not captured as expected; empty if they were.
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

  /// Discards the graphs. Unless a capture has failed, steps are captured again after the warm-up.
  void forget() {
    for (auto& kind : kinds_) kind = {};
  }

  /// Runs a step: `forward(batch)` for the output, `between(output)` on the host and, if it returns true,
  /// `learn(output)`. If `between` is a `NoScope`, one graph contains the whole step; otherwise there are two.
  template <class Output, class Batch, class Optimizer, class Forward, class Between, class Learn>
  Output run(const WindowPosition& place, bool is_training, bool may_record, Batch& batch, Optimizer& optimizer,
             Forward&& forward, Between&& between, Learn&& learn) {
    if (!recorder_) recorder_.emplace(optimizer.parameters().front().device());
    optimizer.write_lr();
    if (const auto changed = key_.update(optimizer, is_training, place.num_batches); !changed.empty()) [[unlikely]] {
      forget();
      reason_ = changed;
    }
    Kind& kind = kinds_[index_of(place)];
    may_record = may_record && (place.begins || holds_window_gradients(optimizer));
    const Step<Output, Batch, Optimizer, Forward, Between, Learn> step{*this,     place,   kind,    batch,
                                                                       optimizer, forward, between, learn};
    if (may_record && kind.takes(batch)) [[likely]] {
      kind.num_others = 0;
      return step.replay();
    }
    return may_record && is_ready(kind, batch) ? step.record() : step.run_eagerly();
  }

 private:
  using Recording = typename Recorder::Recording;

  static constexpr std::size_t index_of(const WindowPosition& place) {
    return (place.begins ? 1U : 0U) + (place.updates ? 2U : 0U);
  }

  /// Returns whether the parameters' gradients are the tensors to which the graph of a window's first batch writes.
  template <class Optimizer>
  [[nodiscard]] bool holds_window_gradients(const Optimizer& optimizer) const {
    const auto& gradients = kinds_[index_of({.begins = true, .updates = false})].gradients;
    const auto parameters = optimizer.parameters();
    if (gradients.size() != parameters.size()) return false;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i].mutable_grad().is_same(gradients[i])) return false;
    }
    return true;
  }

  using Kind = detail::CapturedSteps<Recording>;

  /// Counts the step, and returns whether to capture it.
  template <class Batch>
  bool is_ready(Kind& kind, const Batch& batch) {
    if (gave_up_) return false;
    if (kind.shapes.are_of(batch)) {
      kind.num_others = 0;
    } else {
      // A few batches of another shape are ends of epochs; more are a new shape.
      if (!kind.shapes.empty() && ++kind.num_others <= options_.warm_up) return false;
      if (kind.first) {
        reason_ = "the shapes of the batches were changed";
        forget();
      }
      kind = {};
      kind.shapes = BatchShapes(batch);
    }
    if (kind.num_warm++ < options_.warm_up) {
      if (!kind.first && ++num_waiting_ == options_.patience) say("has not captured a step yet", reason_);
      return false;
    }
    num_waiting_ = 0;
    if (counts_.recordings < options_.max_graphs) return true;
    give_up(format_message("{} graphs were captured, the last because {}", {counts_.recordings, std::string(reason_)}));
    return false;
  }

  void give_up(const std::string& why) {
    gave_up_ = true;
    forget();
    say("runs the steps eagerly from now on", why);
  }
  void say(std::string_view what, std::string_view why) {
    counts_.reason = why;
    if (options_.log == nullptr) return;
    const auto text = format_message("hone: StepCapture {}: {}.\n", {std::string(what), std::string(why)});
    static_cast<void>(std::fputs(text.c_str(), options_.log));
  }

  template <class Output, class Batch, class Optimizer, class Forward, class Between, class Learn>
  struct Step {
    StepCapture& capture;
    const WindowPosition& place;
    Kind& kind;
    Batch& batch;
    Optimizer& optimizer;
    Forward& forward;
    Between& between;
    Learn& learn;
    static constexpr bool is_one = std::is_same_v<std::remove_cvref_t<Between>, NoScope>;

    Output run_eagerly() const {
      ++capture.counts_.eager;
      std::optional<Output> output;
      capture.recorder_->eagerly([&] {
        output.emplace(forward(batch));
        if constexpr (is_one) learn(*output);
      });
      if constexpr (!is_one) {
        if (between(*output)) capture.recorder_->eagerly([&] { learn(*output); });
      }
      return std::move(*output);
    }

    Output replay() const {
      ++capture.counts_.replayed;
      copy_inputs();
      Output& output = *std::any_cast<Output>(&kind.output);
      capture.recorder_->replay(*kind.first);
      if constexpr (!is_one) {
        if (!between(output)) return output;
        capture.recorder_->replay(*kind.second);
      }
      if (place.updates) optimizer.count_replayed_step();
      hand_over_gradients();
      return output;
    }

    Output record() const {
      kind.batch = map_tensors(batch, [](const at::Tensor& tensor) { return at::empty_like(tensor); });
      auto& input = *std::any_cast<std::remove_const_t<Batch>>(&kind.batch);
      kind.inputs.clear();
      for_each_tensor(input, [&](at::Tensor& tensor) { kind.inputs.push_back(tensor); });
      copy_inputs();
      std::optional<Output> output;
      auto first = recorded([&] {
        output.emplace(forward(input));
        if constexpr (is_one) learn(*output);
      });
      if (!first) return run_eagerly();
      capture.recorder_->replay(*first);
      std::unique_ptr<Recording> second;
      if constexpr (!is_one) {
        if (!between(*output)) return std::move(*output);
        second = recorded([&] { learn(*output); });
        if (!second) return finish_eagerly();
        capture.recorder_->replay(*second);
      }
      ++capture.counts_.recordings;
      ++capture.counts_.replayed;
      detail::forget_operators(*output);
      kind.output = *output;
      kind.first = std::move(first);
      kind.second = std::move(second);
      if (place.begins && !place.updates) keep_gradients();
      return std::move(*output);
    }

   private:
    /// Returns the captured graph of `work`. If the capture fails, calls `give_up` and returns null.
    ///
    /// **Errors** `c10::OutOfMemoryError`.
    template <class Work>
    std::unique_ptr<Recording> recorded(Work&& work) const {
      std::string why;
      try {
        return capture.recorder_->record(work);
      } catch (const c10::OutOfMemoryError&) {
        if (place.begins) optimizer.zero_grad();
        throw;
      } catch (const std::exception& error) {
        why = detail::first_line(error.what());
      }
      if (place.begins) optimizer.zero_grad();  // not computed
      capture.give_up("a step cannot be captured: " + why);
      return nullptr;
    }

    /// Repeats the step eagerly after `between` was called: the failed capture may have freed the graph of the output.
    Output finish_eagerly() const {
      ++capture.counts_.eager;
      std::optional<Output> output;
      capture.recorder_->eagerly([&] {
        output.emplace(forward(batch));
        learn(*output);
      });
      return std::move(*output);
    }

    void copy_inputs() const {
      std::size_t i = 0;
      for_each_tensor(batch, [&](const at::Tensor& tensor) { kind.inputs[i++].copy_(tensor, /*non_blocking=*/true); });
    }

    void keep_gradients() const {
      for (const auto& parameter : optimizer.parameters()) kind.gradients.push_back(parameter.mutable_grad());
    }
    /// Assigns the graph's gradients to the parameters, for eager batches of the window and for callbacks. After the
    /// update, resets them.
    void hand_over_gradients() const {
      if (place.begins == place.updates) return;
      if (place.updates) return optimizer.zero_grad();
      const auto parameters = optimizer.parameters();
      for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i].mutable_grad() = kind.gradients[i];
    }
  };

  StepCaptureOptions options_;
  std::optional<Recorder> recorder_;
  std::array<Kind, 4> kinds_;
  CaptureKey key_;
  Counts counts_;
  std::string_view reason_ = "the run has just begun";
  int num_waiting_ = 0;
  bool gave_up_ = false;
};

}  // namespace hone
