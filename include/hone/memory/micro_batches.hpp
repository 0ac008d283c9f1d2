// SPDX-License-Identifier: Apache-2.0
/// A splitting policy for batches that do not fit into memory.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_copy.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/format_message.hpp"
#include "hone/core/policy.hpp"
#include "hone/core/serialize.hpp"
#include "hone/data/batch.hpp"
#include "hone/data/slice.hpp"
#include "hone/memory/random_state.hpp"
#include "hone/policies/distribution.hpp"
#include "hone/policies/execution.hpp"
#include "hone/policies/splitting.hpp"

namespace hone {

namespace detail {

/// RAII: removes the existing gradients from the parameters while a batch runs. The destructor restores them, with the
/// gradients of the batch added if `keep_both` was called, else without.
class EarlierGradients {
 public:
  explicit EarlierGradients(at::TensorList parameters) : parameters_(parameters.begin(), parameters.end()) {
    earlier_.reserve(parameters_.size());
    for (const auto& parameter : parameters_) {
      earlier_.push_back(std::exchange(parameter.mutable_grad(), at::Tensor()));
    }
  }
  EarlierGradients(const EarlierGradients&) = delete;
  EarlierGradients& operator=(const EarlierGradients&) = delete;
  ~EarlierGradients() {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      auto& gradient = parameters_[i].mutable_grad();
      if (!keeps_both_ || earlier_[i].defined()) gradient = std::move(earlier_[i]);
    }
  }

  /// Discards the gradients of the batch.
  void drop_later() {
    for (const auto& parameter : parameters_) parameter.mutable_grad().reset();
  }
  void keep_both() {
    std::vector<at::Tensor> sums, later;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (const auto& gradient = parameters_[i].mutable_grad(); earlier_[i].defined() && gradient.defined()) {
        sums.push_back(earlier_[i]);
        later.push_back(gradient);
      }
    }
    const at::NoGradGuard no_gradients;
    if (!sums.empty()) at::_foreach_add_(sums, later);
    keeps_both_ = true;
  }

 private:
  std::vector<at::Tensor> parameters_, earlier_;
  bool keeps_both_ = false;
};

/// A copy of a model's buffers. It reuses its memory while their shapes, types and devices stay the same.
class RememberedBuffers {
 public:
  void remember(const std::vector<at::Tensor>& buffers) {
    const at::NoGradGuard no_gradients;
    const auto alike = [](const at::Tensor& a, const at::Tensor& b) {
      return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() && a.device() == b.device();
    };
    if (!std::equal(buffers.begin(), buffers.end(), copies_.begin(), copies_.end(), alike)) {
      copies_.clear();
      for (const auto& buffer : buffers) copies_.push_back(buffer.detach().clone());
    } else if (!buffers.empty()) {
      at::_foreach_copy_(copies_, buffers);
    }
  }
  void bring_back(const std::vector<at::Tensor>& buffers) const {
    const at::NoGradGuard no_gradients;
    if (!buffers.empty()) at::_foreach_copy_(buffers, copies_);
  }

 private:
  std::vector<at::Tensor> copies_;
};

template <class... Policies>
inline constexpr bool one_process = !(... || ReducesGradients<Policies>);

}  // namespace detail

/// Runs each batch as micro-batches: one forward and backward pass after another, whose gradients add up to the
/// gradients of the batch. With `size` 0 it starts with whole batches. When forward or backward runs out of memory, it
/// rolls the batch back, halves the size and runs the same batch again; later batches use the size that fits. The rest
/// of the trainer sees one batch: one loss, one step, one position in a `GradAccum` window, and the same events, except
/// that `on_train_loss` follows backward. The rollback discards the gradients of the batch, but not of an open window,
/// and restores the model's buffers and the random generators.
///
/// The mean over a batch is the sum of the means over its parts, each weighted by its fraction of the samples, or of
/// `num_items` where a step returns it. The loss must therefore be a mean. Layers that compute across the batch, such
/// as batch norm, see a micro-batch. Dropout draws other numbers than for a whole batch.
///
/// A custom step receives a part of the batch; members that are not tensors are passed whole. The `outputs` of the
/// parts are concatenated (see `joined`). Other custom members of the result are from the last part.
///
/// **Units** size: samples; 0 selects the size automatically.
/// **Cost** with size 0, for each batch: a copy of the model's buffers and of the generators' states, and memory for
/// separate gradients of an open window. With another size: only slicing.
/// **Errors** with size 0, `std::runtime_error` with LibTorch's error nested in it when one sample does not fit. This
/// and all other exceptions of the pass roll the batch back. With another size, `DeviceError` with LibTorch's error
/// nested in it, without a rollback. `std::invalid_argument` for a negative size. Running out of memory in the
/// optimizer's update is not handled.
/// **Source** `device_train_microbatch_size="auto"` of Composer.
/// **Example** `hone::Trainer{model, loss, hone::AdamW{}, hone::MicroBatches{}}`
struct MicroBatches {
  using slot = slots::Splitting;
  static constexpr bool splits_batches = true;

  std::int64_t size = 0;

  /// The state of a run.
  struct State {
    std::int64_t size = 0;                   ///< The size that fits; 0 while whole batches fit.
    detail::RememberedBuffers buffers = {};  ///< Before the current batch.
    void serialize(auto& archive) { serialize_count(archive, "size", size); }
  } state = {};
  void serialize(auto& archive) { archive("state", state); }

  /// Runs a batch: for each part `forward(part)`, then `backward(output, fraction of the samples, is_first)`. Returns
  /// the output of the whole batch.
  template <class Batch, class Forward, class Backward>
  auto learn(Batch& batch, const Forward& forward, const Backward& backward, const BatchSurroundings& around) {
    if (size < 0)
      throw std::invalid_argument(
          format_message("MicroBatches::size is {}. Set it to 1 or greater, or to 0 for an automatic size.", {size}));
    const std::int64_t samples = batch_size(batch);
    if (size > 0) return in_parts(batch, samples, size, forward, backward);

    detail::EarlierGradients earlier(around.parameters);
    const detail::RandomState random(around.device);
    state.buffers.remember(around.buffers);
    const auto take_back = [&] {
      earlier.drop_later();
      random.restore();
      state.buffers.bring_back(around.buffers);
    };
    const std::int64_t first = state.size == 0 ? samples : std::min(state.size, samples);
    for (std::int64_t tried = first;; tried = (tried + 1) / 2) {
      try {
        auto output = in_parts(batch, samples, tried, forward, backward);
        earlier.keep_both();
        if (tried != first) state.size = tried;
        return output;
      } catch (const std::exception& error) {
        if (!around.is_out_of_memory(error)) {
          take_back();
          throw;
        }
        if (tried <= 1) {
          take_back();
          std::throw_with_nested(
              std::runtime_error("A micro-batch of 1 sample does not fit into memory. Use a smaller model, recompute "
                                 "its blocks, or use smaller samples."));
        }
      }
      take_back();
      around.release_cached_memory();  // after the failed pass has freed its tensors
    }
  }

  template <class... Policies>
  struct compatible_with {
    static constexpr bool value = detail::one_process<Policies...> && !(... || CapturesSteps<Policies>);
  };
  template <class... Policies>
  struct incompatible_with {
    static_assert(
        detail::one_process<Policies...>,
        "hone: MicroBatches splits batches according to the memory of one process, and processes that all-reduce "
        "gradients must split them in the same way. Use smaller batches and GradAccum, or one process.");
    static_assert(!detail::one_process<Policies...> || compatible_with<Policies...>::value,
                  "hone: MicroBatches repeats a step when memory runs out, which CUDA graph capture does not support. "
                  "Remove MicroBatches or StepCapture.");
  };

 private:
  template <class Batch, class Forward, class Backward>
  static auto in_parts(Batch& batch, std::int64_t samples, std::int64_t most, const Forward& forward,
                       const Backward& backward) {
    if (samples <= most) {
      auto output = forward(batch);
      backward(output, 1.0, true);
      return output;
    }
    using Output = decltype(forward(batch));
    std::vector<Output> outputs;
    std::vector<std::int64_t> sizes;
    for (std::int64_t from = 0; from < samples; from += most) {
      const std::int64_t to = std::min(samples, from + most);
      auto part = slice_batch(batch, from, to);
      auto output = forward(part);
      backward(output, static_cast<double>(to - from) / static_cast<double>(samples), from == 0);
      output.loss = output.loss.detach();
      if constexpr (requires { output.outputs; }) {
        for_each_tensor(output.outputs, [](at::Tensor& tensor) {
          if (tensor.defined()) tensor = tensor.detach();
        });
      }
      outputs.push_back(std::move(output));
      sizes.push_back(to - from);
    }
    return whole_of(outputs, sizes, samples);
  }

  /// Returns one output for the whole batch.
  template <class Output>
  static Output whole_of(std::vector<Output>& parts, const std::vector<std::int64_t>& sizes, std::int64_t samples) {
    constexpr bool has_items = requires(Output& output) { output.num_items; };
    const auto weight = [&](std::size_t i) {
      if constexpr (has_items) {
        return static_cast<double>(parts[i].num_items);
      } else {
        return static_cast<double>(sizes[i]);
      }
    };
    double total = 0.0;
    for (std::size_t i = 0; i < parts.size(); ++i) total += weight(i);
    Output whole = parts.back();
    whole.loss = parts[0].loss * (weight(0) / total);
    for (std::size_t i = 1; i < parts.size(); ++i) whole.loss = whole.loss + parts[i].loss * (weight(i) / total);
    whole.batch_size = samples;
    if constexpr (has_items) {
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) whole.num_items += parts[i].num_items;
    }
    if constexpr (requires { whole.outputs; }) {
      using Outputs = std::remove_cvref_t<decltype(whole.outputs)>;
      std::vector<Outputs> outputs;
      for (auto& part : parts) outputs.push_back(std::move(part.outputs));
      whole.outputs = joined(std::span<Outputs>(outputs), std::span<const std::int64_t>(sizes));
    }
    return whole;
  }
};
static_assert(SplitsBatches<MicroBatches>);

}  // namespace hone
