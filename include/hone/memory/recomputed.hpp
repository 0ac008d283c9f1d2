// SPDX-License-Identifier: Apache-2.0
/// Activation checkpointing: blocks that run again in backward instead of keeping their activations since forward.
///
/// It corresponds to PyTorch's `torch.utils.checkpoint(..., use_reentrant=False)`. The graph is the same as for a plain
/// call, so each parameter receives its gradient once, also with `Ddp` and `torch::autograd::grad`. Only the tensors
/// that the graph saves are absent. When backward unpacks one of them, the block runs again until all are saved.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/util/DimVector.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/data/batch.hpp"
#include "hone/memory/autocast_state.hpp"
#include "hone/memory/block.hpp"
#include "hone/memory/random_state.hpp"
#include "hone/memory/saved_tensors.hpp"

namespace hone {

namespace detail {

/// One call of a block: the tensors that autograd saved in it, and their recomputation.
class Recomputation {
 public:
  Recomputation(const Recomputation&) = delete;
  Recomputation& operator=(const Recomputation&) = delete;
  virtual ~Recomputation() = default;

  /// Records the version, shape and type of a tensor that forward saved. Returns its index.
  std::size_t expect(const at::Tensor& tensor) {
    expected_.push_back({SavedVersion(tensor), c10::DimVector(tensor.sizes()), tensor.scalar_type()});
    return expected_.size() - 1;
  }
  void forward_ended() { is_over_ = true; }

  at::Tensor take(std::size_t place) {
    const std::lock_guard lock(mutex_);
    TORCH_CHECK(is_over_,
                "hone: backward ran through a recomputed block before its forward pass ended. Do not recompute a block "
                "that calls backward.");
    expected_[place].version.check();
    if (found_.empty() || !found_[place].defined()) recompute();
    return std::exchange(found_[place], {});
  }

 protected:
  explicit Recomputation(c10::Device device) : device_(device), random_(device), autocast_(device) {}
  virtual void run() = 0;

 private:
  /// Thrown when the last tensor was saved, to stop the block, and caught in `recompute`.
  struct Complete {};

  struct Expected {
    SavedVersion version;
    c10::DimVector sizes;
    c10::ScalarType type;
  };

  class RecomputedTensor final : public torch::autograd::SavedVariableHooks {
   public:
    explicit RecomputedTensor(Recomputation& whole) : whole_(whole) {}
    void call_pack_hook(const at::Tensor& tensor) override { whole_.find(tensor); }
    at::Tensor call_unpack_hook() override {
      TORCH_CHECK(
          false, "hone: a recomputed block ran backward through itself. Do not recompute a block that calls backward.");
    }

   private:
    Recomputation& whole_;
  };

  class RecomputeScope final : public SavedTensorRegion {
   public:
    explicit RecomputeScope(Recomputation& whole) : whole_(whole) {}
    SavedTensorHooks hooks() override { return std::make_unique<RecomputedTensor>(whole_); }

   private:
    Recomputation& whole_;
  };

  void find(const at::Tensor& tensor) {
    const std::size_t place = found_.size();
    require_same(place < expected_.size() && tensor.sizes() == c10::IntArrayRef(expected_[place].sizes) &&
                 tensor.scalar_type() == expected_[place].type);
    found_.push_back(tensor.variable_data());
    if (found_.size() == expected_.size()) throw Complete{};
  }

  void recompute() {
    found_.clear();
    found_.reserve(expected_.size());
    const at::AutoGradMode gradients(true);
    const AutocastReplay autocast(autocast_, device_);
    const RandomReplay random(random_, device_);
    const RecomputeScope scope(*this);
    try {
      run();
    } catch (const Complete&) {
    } catch (...) {
      found_.clear();
      throw;
    }
    if (found_.size() != expected_.size()) {
      found_.clear();
      require_same(false);
    }
  }

  static void require_same(bool is_same) {
    TORCH_CHECK(is_same,
                "hone: a recomputed block saved different tensors in backward than in forward. Remove its dependence "
                "on state that changes between forward and backward.");
  }

  c10::Device device_;
  RandomState random_;
  AutocastState autocast_;
  std::vector<Expected> expected_;
  std::vector<at::Tensor> found_;
  std::mutex mutex_;
  bool is_over_ = false;
};

/// The hooks of a saved tensor that is recomputed when backward unpacks it.
class DeferredTensor final : public torch::autograd::SavedVariableHooks {
 public:
  explicit DeferredTensor(std::shared_ptr<Recomputation> whole) : whole_(std::move(whole)) {}
  void call_pack_hook(const at::Tensor& tensor) override { place_ = whole_->expect(tensor); }
  at::Tensor call_unpack_hook() override { return whole_->take(place_); }

 private:
  std::shared_ptr<Recomputation> whole_;
  std::size_t place_ = 0;
};

class DeferredScope final : public SavedTensorRegion {
 public:
  explicit DeferredScope(std::shared_ptr<Recomputation> whole) : whole_(std::move(whole)) {}
  SavedTensorHooks hooks() override { return std::make_unique<DeferredTensor>(whole_); }

 private:
  std::shared_ptr<Recomputation> whole_;
};

/// The recomputation of a block with the inputs of a call. Inputs are stored as `SavedVariable`, which detects
/// modifications in place, and allows an outer region to recompute or offload them.
template <class Block, class... Inputs>
class BlockRecomputation final : public Recomputation {
 public:
  BlockRecomputation(c10::Device device, Block block, const std::tuple<Inputs...>& inputs)
      : Recomputation(device), block_(std::move(block)), inputs_(inputs) {
    for_each_tensor(inputs_, [this](at::Tensor& tensor) {
      saved_.emplace_back(tensor, /*is_output=*/false);
      tensor.reset();
    });
  }

 private:
  void run() override {
    auto inputs = inputs_;
    auto saved = saved_.begin();
    for_each_tensor(inputs, [&](at::Tensor& tensor) { tensor = (saved++)->unpack(); });
    [[maybe_unused]] const BufferReplay buffers(block_);
    std::apply([this](auto&... each) { static_cast<void>(block_(each...)); }, inputs);
  }

  Block block_;
  std::tuple<Inputs...> inputs_;
  std::deque<torch::autograd::SavedVariable> saved_;
};

}  // namespace detail

/// Calls `block(inputs...)` and stores only the inputs for backward, which calls the block again. Outputs and gradients
/// equal the results of a plain call, bit for bit if operators are deterministic. For the second call, the autocast
/// state and the random generators (of the CPU and of the first device among the inputs that is not the CPU) are
/// restored to their states in forward, and then back. Blocks may be nested.
///
/// `block` is a module, its holder or any function. Functions are copied. The ownership of a module in a
/// `std::shared_ptr` is shared; other modules must outlive backward. Without gradients, and for a module in evaluation
/// mode, it is a plain call.
///
/// **Shapes** any; inputs may be tensors, containers and structs of them, and other copyable types.
/// **Cost** a second forward of the block, up to the last tensor that it saves; the states of the generators. The
/// buffers of a module are copied before the second call and then restored, so running statistics change once. Other
/// side effects of a block occur twice.
/// **Errors** `c10::Error` in backward when an input or a saved tensor was modified in place, as in a plain call, and
/// when the block saves other tensors the second time.
/// **Source** `torch.utils.checkpoint` of PyTorch; T. Chen et al., "Training Deep Nets with Sublinear Memory Cost",
/// 2016.
/// **Example** `x = hone::recomputed(layer, x);`
template <class Block, class... Inputs>
auto recomputed(Block&& block, Inputs&&... inputs) {
  auto kept = detail::kept_block(block);
  if (!at::GradMode::is_enabled() || detail::is_evaluating(kept)) return kept(inputs...);
  using Call = detail::BlockRecomputation<decltype(kept), std::decay_t<Inputs>...>;
  std::tuple<std::decay_t<Inputs>...> given(inputs...);
  c10::Device device = c10::kCPU;
  for_each_tensor(given, [&](const at::Tensor& tensor) {
    if (device.is_cpu() && tensor.defined()) device = tensor.device();
  });
  const auto call = std::make_shared<Call>(device, kept, given);
  auto outputs = [&] {
    const detail::DeferredScope region(call);
    return std::apply([&](auto&... each) { return kept(each...); }, given);
  }();
  call->forward_ended();
  return outputs;
}

namespace detail {

struct Recomputing {
  template <class Block, class... Inputs>
  static auto call(Block&& block, Inputs&&... inputs) {
    return recomputed(std::forward<Block>(block), std::forward<Inputs>(inputs)...);
  }
};

}  // namespace detail

/// A block of a model, `Block` or its `Impl`, that is recomputed in backward; see `recomputed`. It derives from the
/// block's `Impl` with the same constructors and parameter names, so the same checkpoints load with and without it.
///
/// **Errors** `clone` of such a block alone returns the plain block. A clone of a model that contains it recomputes.
/// **Example** `hone::Recomputed<Layer> layer{options};`, or in a `torch::nn::Sequential`.
template <class Block>
using Recomputed = detail::WrappedBlock<Block, detail::Recomputing>;

}  // namespace hone
