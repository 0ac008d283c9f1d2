// SPDX-License-Identifier: Apache-2.0
/// Activations that are computed a second time in backward instead of being kept since forward.
///
/// What PyTorch calls `torch.utils.checkpoint(..., use_reentrant=False)`: the graph is that of a plain call, so each
/// parameter gets its gradient once, at its usual place, whoever asks for it; only the tensors that the graph would
/// keep are not there until backward asks for the first of them. Then the block runs again, up to the last of them.
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

/// One call of a block: what autograd saved in it, and how to have that again.
class Recomputation {
 public:
  Recomputation(const Recomputation&) = delete;
  Recomputation& operator=(const Recomputation&) = delete;
  virtual ~Recomputation() = default;

  /// Notes a tensor that forward saved; returns its place.
  std::size_t expect(const at::Tensor& tensor) {
    expected_.push_back({SavedVersion(tensor), c10::DimVector(tensor.sizes()), tensor.scalar_type()});
    return expected_.size() - 1;
  }
  void forward_ended() { is_over_ = true; }

  at::Tensor take(std::size_t place) {
    const std::lock_guard lock(mutex_);
    TORCH_CHECK(is_over_,
                "hone: backward ran through a block to be recomputed before its forward pass had ended. Leave a block "
                "that calls backward itself as it is.");
    expected_[place].version.check();
    if (found_.empty() || !found_[place].defined()) recompute();
    return std::exchange(found_[place], {});
  }

 protected:
  explicit Recomputation(c10::Device device) : device_(device), random_(device), autocast_(device) {}
  virtual void run() = 0;

 private:
  /// Thrown, and caught, when the last tensor is there.
  struct Complete {};

  struct Expected {
    SavedVersion version;
    c10::DimVector sizes;
    c10::ScalarType type;
  };

  class Found final : public torch::autograd::SavedVariableHooks {
   public:
    explicit Found(Recomputation& whole) : whole_(whole) {}
    void call_pack_hook(const at::Tensor& tensor) override { whole_.find(tensor); }
    at::Tensor call_unpack_hook() override {
      TORCH_CHECK(false, "hone: a block that is recomputed ran backward through itself. Leave it as it is.");
    }

   private:
    Recomputation& whole_;
  };

  class Finding final : public SavedTensorRegion {
   public:
    explicit Finding(Recomputation& whole) : whole_(whole) {}
    SavedTensorHooks hooks() override { return std::make_unique<Found>(whole_); }

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
    const Finding finding(*this);
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
                "hone: a block that was recomputed in backward did not save the same tensors as in forward. It has to "
                "compute the same from the same inputs: let it depend on nothing that changes in between.");
  }

  c10::Device device_;
  RandomState random_;
  AutocastState autocast_;
  std::vector<Expected> expected_;
  std::vector<at::Tensor> found_;
  std::mutex mutex_;
  bool is_over_ = false;
};

/// In the place of a saved tensor.
class Awaited final : public torch::autograd::SavedVariableHooks {
 public:
  explicit Awaited(std::shared_ptr<Recomputation> whole) : whole_(std::move(whole)) {}
  void call_pack_hook(const at::Tensor& tensor) override { place_ = whole_->expect(tensor); }
  at::Tensor call_unpack_hook() override { return whole_->take(place_); }

 private:
  std::shared_ptr<Recomputation> whole_;
  std::size_t place_ = 0;
};

class Awaiting final : public SavedTensorRegion {
 public:
  explicit Awaiting(std::shared_ptr<Recomputation> whole) : whole_(std::move(whole)) {}
  SavedTensorHooks hooks() override { return std::make_unique<Awaited>(whole_); }

 private:
  std::shared_ptr<Recomputation> whole_;
};

/// The same for a block and the inputs of a call. Inputs are kept as autograd keeps tensors, so one that is modified is
/// found out, and an outer region may recompute or offload them in turn.
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

/// Calls `block(inputs...)`; of the tensors that autograd would keep for backward only the inputs are kept, and the
/// block is called again in backward. Outputs and gradients are those of a plain call, bit for bit where operators are
/// deterministic: the random generators (of the CPU and of the first input's device) and autocast are as they were in
/// forward, and afterwards as they were before. Blocks nest.
///
/// `block` is a module, its holder or any function; it is copied, a module that is held by a shared pointer is kept.
/// Without gradients, and for a module in evaluation mode, it is a plain call.
///
/// **Shapes** any; inputs may be tensors, containers and structs of them, and whatever else can be copied.
/// **Cost** a second forward of the block, up to the last tensor that backward needs; the states of the generators. A
/// module's buffers are copied around it and brought back, so that running statistics move once; whatever else a block
/// changes, it changes twice.
/// **Errors** `c10::Error` when an input or a saved tensor was modified in place since, as in a plain call, and when
/// the block saves other tensors the second time.
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
    const detail::Awaiting region(call);
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

/// A block of a model, `Block` or its `Impl`, that is recomputed in backward; see `recomputed`. It is the block, made
/// from the block's own arguments: parameters keep their names, and files of weights fit with and without.
///
/// **Errors** a `clone` of it alone is the plain block; a clone of a model made of it recomputes.
/// **Example** `hone::Recomputed<Layer> layer{options};`, or in a `torch::nn::Sequential`.
template <class Block>
using Recomputed = detail::WrappedBlock<Block, detail::Recomputing>;

}  // namespace hone
