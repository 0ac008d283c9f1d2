// SPDX-License-Identifier: Apache-2.0
/// Tensors that autograd saves, in the host's memory until backward needs them.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <c10/core/Storage.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "hone/core/sentence.hpp"
#include "hone/memory/block.hpp"
#include "hone/memory/saved_tensors.hpp"

namespace hone {

/// Which tensors go to the host.
///
/// **Units** min_bytes: of a tensor's memory; smaller ones stay, since a transfer takes longer than they are worth.
struct OffloadOptions {
  std::int64_t min_bytes = std::int64_t{1} << 20;
  bool pin_memory = true;  ///< The host's copies are page-locked, so that no transfer waits. With CUDA only.
  bool from_host = false;  ///< Tensors in the host's memory are copied as well, which saves nothing: to try things out.

  void check() const {
    if (min_bytes < 0) throw std::invalid_argument(sentence("min_bytes is {}. Give 0 or more.", {min_bytes}));
  }
};

namespace detail {

/// The host's copy of one storage.
class HostCopy {
 public:
  HostCopy(const at::Tensor& tensor, bool pin_memory) : device_(tensor.device()) {
    const auto bytes = bytes_of(tensor.storage(), device_);
    host_ = at::empty({bytes.numel()}, at::TensorOptions().dtype(at::kByte).pinned_memory(pin_memory));
    host_.copy_(bytes, /*non_blocking=*/pin_memory);
  }

  /// The storage on its device again; the same one as long as somebody has it.
  c10::Storage storage() {
    const std::lock_guard lock(mutex_);
    if (auto there = there_.lock()) return c10::Storage(std::move(there));
    const auto bytes = at::empty({host_.numel()}, at::TensorOptions().dtype(at::kByte).device(device_));
    bytes.copy_(host_, /*non_blocking=*/host_.is_pinned());
    there_ = c10::weak_intrusive_ptr<c10::StorageImpl>(bytes.storage().getWeakStorageImpl());
    return bytes.storage();
  }

 private:
  static at::Tensor bytes_of(const c10::Storage& storage, c10::Device device) {
    return at::empty({0}, at::TensorOptions().dtype(at::kByte).device(device)).set_(storage);
  }

  c10::Device device_;
  at::Tensor host_;
  std::mutex mutex_;
  c10::weak_intrusive_ptr<c10::StorageImpl> there_{c10::intrusive_ptr<c10::StorageImpl>()};
};

/// How a tensor lies in its storage.
struct Layout {
  explicit Layout(const at::Tensor& tensor)
      : sizes(tensor.sizes()), strides(tensor.strides()), offset(tensor.storage_offset()), options(tensor.options()) {}
  [[nodiscard]] at::Tensor of(const c10::Storage& storage) const {
    return at::empty({0}, options.requires_grad(false)).set_(storage, offset, sizes, strides);
  }
  c10::DimVector sizes, strides;
  std::int64_t offset;
  at::TensorOptions options;
};

}  // namespace detail

namespace detail {

/// The region of `OffloadSaved`.
class OffloadRegion final : SavedTensorRegion {
 public:
  explicit OffloadRegion(const OffloadOptions& options) : options_(options) { options_.check(); }

  /// What went to the host so far.
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }

 private:
  class Kept final : public torch::autograd::SavedVariableHooks {
   public:
    explicit Kept(OffloadRegion& region) : region_(&region) {}
    void call_pack_hook(const at::Tensor& tensor) override {
      version_ = std::make_unique<SavedVersion>(tensor);
      if (region_->takes(tensor)) {
        layout_ = std::make_unique<Layout>(tensor);
        copy_ = region_->copy_of(tensor);
      } else {
        stays_ = tensor.variable_data();  // without its history, which would own it in turn
      }
    }
    at::Tensor call_unpack_hook() override {
      version_->check();
      if (!copy_) return stays_;
      const at::NoGradGuard no_gradients;
      return layout_->of(copy_->storage());
    }

   private:
    OffloadRegion* region_;  // in forward only
    std::unique_ptr<SavedVersion> version_;
    std::unique_ptr<Layout> layout_;
    std::shared_ptr<HostCopy> copy_;
    at::Tensor stays_;
  };

  struct Known {
    c10::weak_intrusive_ptr<c10::StorageImpl> storage;  // so that no other gets its address
    std::uint32_t version;
    std::weak_ptr<HostCopy> copy;
  };

  SavedTensorHooks hooks() override { return std::make_unique<Kept>(*this); }

  [[nodiscard]] bool takes(const at::Tensor& tensor) const {
    if (tensor.layout() != c10::kStrided || !tensor.has_storage() || tensor.is_quantized() || tensor.is_conj() ||
        tensor.is_neg() || tensor.is_meta() || (tensor.is_cpu() && !options_.from_host) ||
        static_cast<std::int64_t>(tensor.storage().nbytes()) < options_.min_bytes || tensor.numel() == 0) {
      return false;
    }
    const at::TensorBase& whole = tensor.is_view() ? tensor._base() : tensor;
    return !(whole.is_leaf() && whole.requires_grad());
  }

  std::shared_ptr<HostCopy> copy_of(const at::Tensor& tensor) {
    const auto* storage = tensor.storage().unsafeGetStorageImpl();
    const auto version = tensor.unsafeGetTensorImpl()->version_counter().current_version();
    const auto known = known_.find(storage);
    if (known != known_.end() && known->second.version == version) {
      if (auto copy = known->second.copy.lock()) return copy;
    }
    auto copy = std::make_shared<HostCopy>(tensor, options_.pin_memory && tensor.is_cuda());
    bytes_ += static_cast<std::int64_t>(tensor.storage().nbytes());
    known_.insert_or_assign(storage, Known{tensor.storage().getWeakStorageImpl(), version, copy});
    return copy;
  }

  OffloadOptions options_;
  std::int64_t bytes_ = 0;
  std::unordered_map<const c10::StorageImpl*, Known> known_;
};

}  // namespace detail

/// While it lives, what autograd saves in this thread goes to the host's memory, and comes back in backward. Parameters
/// and views of them stay where they are, as do tensors that are small or not plain (sparse, quantized, conjugated).
/// Tensors that share memory share its copy. It may wrap a whole forward pass; inner `recomputed` blocks keep their
/// inputs in it.
///
/// **Cost** a transfer to the host for each tensor and one back, on the stream that computes; memory of the host.
/// **Errors** `c10::Error` in backward when a saved tensor was modified in place since, as without;
/// `std::invalid_argument` for a negative `min_bytes`.
/// **Source** `torch.autograd.graph.save_on_cpu` of PyTorch.
/// **Example** `const hone::OffloadSaved offload{.min_bytes = 4 << 20}; const auto loss = loss_of(model(x), y);`
struct OffloadSaved {
  std::int64_t min_bytes = OffloadOptions{}.min_bytes;  ///< As in `OffloadOptions`, like the following settings.
  bool pin_memory = OffloadOptions{}.pin_memory;
  bool from_host = OffloadOptions{}.from_host;
  /// What the region holds; no setting. It cannot be copied.
  detail::OffloadRegion region{{.min_bytes = min_bytes, .pin_memory = pin_memory, .from_host = from_host}};

  /// Bytes that went to the host so far.
  [[nodiscard]] std::int64_t bytes() const { return region.bytes(); }
};

/// Calls `block(inputs...)` in an `OffloadSaved` region with the default options. Without gradients, and for a module
/// in evaluation mode, it is a plain call.
template <class Block, class... Inputs>
auto offloaded(Block&& block, Inputs&&... inputs) {
  auto call = detail::kept_block(block);
  if (!at::GradMode::is_enabled() || detail::is_evaluating(call)) return call(inputs...);
  const OffloadSaved region{};
  return call(inputs...);
}

namespace detail {

struct Offloading {
  template <class Block, class... Inputs>
  static auto call(Block&& block, Inputs&&... inputs) {
    return offloaded(std::forward<Block>(block), std::forward<Inputs>(inputs)...);
  }
};

}  // namespace detail

/// A block of a model, `Block` or its `Impl`, whose saved tensors wait in the host's memory; see `OffloadSaved` and,
/// for how it is the block itself, `Recomputed`.
template <class Block>
using Offloaded = detail::WrappedBlock<Block, detail::Offloading>;

}  // namespace hone
