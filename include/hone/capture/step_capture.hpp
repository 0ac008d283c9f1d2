// SPDX-License-Identifier: Apache-2.0
/// A training step that is recorded once and replayed.
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
#include "hone/capture/fingerprint.hpp"
#include "hone/capture/recorded_steps.hpp"
#include "hone/capture/recording_company.hpp"
#include "hone/capture/step_capture_options.hpp"
#include "hone/capture/step_recorder.hpp"
#include "hone/core/sentence.hpp"
#include "hone/data/batch.hpp"
#include "hone/policies/execution.hpp"
#ifdef HONE_WITH_CUDA
#include "hone/capture/cuda_recorder.hpp"
#endif

namespace hone {

#ifndef HONE_WITH_CUDA
/// Stands for the recorder of CUDA graphs in a program that is compiled without CUDA; no trainer takes it.
struct CudaRecorder {
  using is_not_compiled = void;
  using Recording = int;
};
#endif

/// Records what the device does in a training step, forward, loss, backward, unscaling, clipping, update, once for each
/// place in an accumulation window, and replays it: one launch instead of hundreds. It pays where a step's operators
/// are so small that the host cannot ask for them as fast as the device computes them.
///
/// The first steps run as they are written. Then each batch is copied into the recording's own tensors. Learning rates,
/// step counts, the loss scale and the generator of the device are read on the device, so that they move on. Batches of
/// another shape than the recorded one, such as the last of an epoch, and the short window that an epoch may end with,
/// run as they are written; when only other shapes come, those are recorded. A recording is thrown away, and made anew,
/// when a parameter is exchanged, frozen or unfrozen, the model's mode is switched, a training state is loaded, or a
/// setting other than `lr` is changed. A step that cannot be recorded is run as it is written from then on, and the
/// reason is said once.
///
/// Written into the recording, and thus as they were then: what overrides and the model compute on the host, and values
/// of other policies, such as the bound of `ClipNorm`; see `forget`. Callbacks hear `on_train_loss` between two
/// recordings. What a step returns is valid until the next.
///
/// **Errors** at compile time, one sentence, for company that cannot be recorded.
/// **Example** `hone::Trainer{model, loss, hone::AdamW{.lr = 3e-4}, hone::Cuda<>{}, hone::Bf16{},
/// hone::StepCapture<>{}}`
/// **Source** `torch.cuda.graph`, whole-network capture.
template <class Recorder = CudaRecorder>
class StepCapture : public detail::RecordingCompany<Recorder> {
 public:
  using slot = slots::Execution;
  static constexpr bool records_steps = true;

  explicit StepCapture(const StepCaptureOptions& options = {}) : options_(options) {}

  /// How the steps so far were done.
  struct Counts {
    std::int64_t eager = 0;
    std::int64_t replayed = 0;
    int recordings = 0;
    std::string reason;  ///< Why the last step to be recorded was not; empty when none failed.
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

  /// Throws the recordings away; the next steps record anew.
  void forget() {
    for (auto& kind : kinds_) kind = {};
  }

  /// Does a step: `forward(batch)` for the output, `between(output)` on the host, and, unless that returned false,
  /// `learn(output)`. Without a `between` (`NoScope`), all of it is one recording.
  template <class Output, class Batch, class Optimizer, class Forward, class Between, class Learn>
  Output run(const WindowPlace& place, bool is_training, bool may_record, Batch& batch, Optimizer& optimizer,
             Forward&& forward, Between&& between, Learn&& learn) {
    if (!recorder_) recorder_.emplace(optimizer.parameters().front().device());
    optimizer.write_lr();
    if (const auto changed = fingerprint_.update(optimizer, is_training, place.num_batches); !changed.empty())
        [[unlikely]] {
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

  static constexpr std::size_t index_of(const WindowPlace& place) {
    return (place.begins ? 1U : 0U) + (place.updates ? 2U : 0U);
  }

  /// Whether the parameters' gradients are those that a recording of a window's begin has left.
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

  using Kind = detail::RecordedSteps<Recording>;

  /// Whether this step is to be recorded.
  template <class Batch>
  bool is_ready(Kind& kind, const Batch& batch) {
    if (gave_up_) return false;
    if (kind.shapes.are_of(batch)) {
      kind.num_others = 0;
    } else {
      // One batch of another shape is the last of an epoch; many are the shape from now on.
      if (!kind.shapes.empty() && ++kind.num_others <= options_.warm_up) return false;
      if (kind.first) {
        reason_ = "the batches' shapes were changed";
        forget();
      }
      kind = {};
      kind.shapes = BatchShapes(batch);
    }
    if (kind.num_warm++ < options_.warm_up) {
      if (!kind.first && ++num_waiting_ == options_.patience) say("has recorded no step yet", reason_);
      return false;
    }
    num_waiting_ = 0;
    if (counts_.recordings < options_.max_recordings) return true;
    give_up(sentence("{} recordings were made, the last because {}", {counts_.recordings, std::string(reason_)}));
    return false;
  }

  void give_up(const std::string& why) {
    gave_up_ = true;
    forget();
    say("runs the steps as they are written from here on", why);
  }
  void say(std::string_view what, std::string_view why) {
    counts_.reason = why;
    if (options_.log == nullptr) return;
    const auto text = sentence("hone: StepCapture {}: {}.\n", {std::string(what), std::string(why)});
    static_cast<void>(std::fputs(text.c_str(), options_.log));
  }

  template <class Output, class Batch, class Optimizer, class Forward, class Between, class Learn>
  struct Step {
    StepCapture& capture;
    const WindowPlace& place;
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
      take_in();
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
      take_in();
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
    /// The recording of `work`; nothing where that is not possible, which is told.
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
      if (place.begins) optimizer.zero_grad();  // they hold nothing
      capture.give_up("a step cannot be recorded, since " + why);
      return nullptr;
    }

    /// After a forward pass of which everybody has heard, and whose operators may be used up.
    Output finish_eagerly() const {
      ++capture.counts_.eager;
      std::optional<Output> output;
      capture.recorder_->eagerly([&] {
        output.emplace(forward(batch));
        learn(*output);
      });
      return std::move(*output);
    }

    void take_in() const {
      std::size_t i = 0;
      for_each_tensor(batch, [&](const at::Tensor& tensor) { kind.inputs[i++].copy_(tensor, /*non_blocking=*/true); });
    }

    void keep_gradients() const {
      for (const auto& parameter : optimizer.parameters()) kind.gradients.push_back(parameter.mutable_grad());
    }
    /// For the batches of the window that run as they are written, and for who looks at gradients.
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
  Fingerprint fingerprint_;
  Counts counts_;
  std::string_view reason_ = "the run is young";
  int num_waiting_ = 0;
  bool gave_up_ = false;
};

}  // namespace hone
