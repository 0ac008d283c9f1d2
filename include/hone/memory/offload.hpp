// SPDX-License-Identifier: Apache-2.0
/// Offloading of the tensors that autograd saves: they are in host memory until backward.
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

#include "hone/core/format_message.hpp"
#include "hone/memory/block.hpp"
#include "hone/memory/saved_tensors.hpp"

namespace hone {

/// The selection of the tensors that are copied to the host, and the kind of host memory.
///
/// **Units** min_bytes: bytes of a tensor's storage. Smaller storages are not copied, since the transfer costs more.
struct OffloadOptions {
  std::int64_t min_bytes = std::int64_t{1} << 20;
  bool pin_memory = true;  ///< Page-locks the copies, so that transfers are asynchronous. CUDA only.
  bool from_host = false;  ///< Copies tensors in host memory as well, which saves no memory: for tests.

  /// Throws `std::invalid_argument` for a negative `min_bytes`.
  void check() const {
    if (min_bytes < 0)
      throw std::invalid_argument(
          format_message("OffloadOptions::min_bytes is {}. Set it to 0 or greater.", {min_bytes}));
  }
};

namespace detail {

/// A copy of one storage in host memory.
class HostCopy {
 public:
  HostCopy(const at::Tensor& tensor, bool pin_memory) : device_(tensor.device()) {
    const auto bytes = bytes_of(tensor.storage(), device_);
    host_ = at::empty({bytes.numel()}, at::TensorOptions().dtype(at::kByte).pinned_memory(pin_memory));
    host_.copy_(bytes, /*non_blocking=*/pin_memory);
  }

  /// Returns the storage on its device. Calls return the same one while a reference to it exists. Thread-safe.
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

/// The layout of a tensor in its storage.
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

/// The saved-tensor region of `OffloadSaved`.
class OffloadRegion final : SavedTensorRegion {
 public:
  explicit OffloadRegion(const OffloadOptions& options) : options_(options) { options_.check(); }

  /// Returns the number of bytes that were copied to the host.
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
        stays_ = tensor.variable_data();  // without its graph, which owns this hook: no cycle
      }
    }
    at::Tensor call_unpack_hook() override {
      version_->check();
      if (!copy_) return stays_;
      const at::NoGradGuard no_gradients;
      return layout_->of(copy_->storage());
    }

   private:
    OffloadRegion* region_;  // used in forward only; may dangle in backward
    std::unique_ptr<SavedVersion> version_;
    std::unique_ptr<Layout> layout_;
    std::shared_ptr<HostCopy> copy_;
    at::Tensor stays_;
  };

  struct Known {
    c10::weak_intrusive_ptr<c10::StorageImpl> storage;  // prevents reuse of its address
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

/// RAII: during its lifetime, tensors that autograd saves in this thread are copied to host memory, and copied back in
/// backward. Leaves that require a gradient, such as parameters, and views of them are not copied, nor are small
/// storages and sparse, quantized, conjugated or negated tensors. Tensors that share a storage share its copy. A scope
/// may contain a whole forward pass; `recomputed` blocks in it save their inputs on the host.
///
/// **Cost** one transfer to the host and one back for each storage, on the current stream; host memory.
/// **Errors** `c10::Error` in backward when a saved tensor was modified in place, as without it;
/// `std::invalid_argument` for a negative `min_bytes`.
/// **Source** `torch.autograd.graph.save_on_cpu` of PyTorch.
/// **Example** `const hone::OffloadSaved offload{.min_bytes = 4 << 20}; const auto loss = loss_of(model(x), y);`
struct OffloadSaved {
  std::int64_t min_bytes = OffloadOptions{}.min_bytes;  ///< See `OffloadOptions`, also for the next two settings.
  bool pin_memory = OffloadOptions{}.pin_memory;        ///< As in `OffloadOptions`.
  bool from_host = OffloadOptions{}.from_host;          ///< As in `OffloadOptions`.
  /// The saved-tensor region, not a setting. It cannot be copied.
  detail::OffloadRegion region{{.min_bytes = min_bytes, .pin_memory = pin_memory, .from_host = from_host}};

  /// Returns the number of bytes that were copied to the host.
  [[nodiscard]] std::int64_t bytes() const { return region.bytes(); }
};

/// Calls `block(inputs...)` in an `OffloadSaved` scope with the default options. Without gradients, and for a module in
/// evaluation mode, it is a plain call.
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

/// A block of a model, `Block` or its `Impl`, whose saved tensors are stored in host memory; see `OffloadSaved`. It
/// derives from the block's `Impl`, as `Recomputed` does.
template <class Block>
using Offloaded = detail::WrappedBlock<Block, detail::Offloading>;

}  // namespace hone
