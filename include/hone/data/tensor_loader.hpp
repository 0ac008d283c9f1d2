// SPDX-License-Identifier: Apache-2.0
/// A loader that gathers the batches of a `TensorDataset` into reused buffers.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <ATen/ops/index_select.h>
#include <c10/core/InferenceMode.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/batch.hpp"
#include "hone/data/batch_iterator.hpp"
#include "hone/data/epoch_cursor.hpp"
#include "hone/data/in_place_write_check.hpp"
#include "hone/data/loader_options.hpp"
#include "hone/data/sampler.hpp"
#include "hone/data/tensor_dataset.hpp"

namespace hone {

namespace detail {

/// One tensor of a dataset, and the buffers for its batches.
class GatheredColumn {
 public:
  /// Allocates one buffer for full batches of `batch_size` samples and other batches of at most `most` samples.
  GatheredColumn(at::Tensor source, std::int64_t batch_size, std::int64_t most) : source_(std::move(source)) {
    auto sizes = source_.sizes().vec();
    sizes[0] = most;
    const bool rows = has_whole_rows();
    whole_ =
        rows ? at::empty_strided(sizes, source_.strides(), source_.options()) : at::empty(sizes, source_.options());
    full_ = most == batch_size ? whole_ : whole_.slice(0, 0, batch_size);
    const bool plain = rows && source_.device().is_cpu() && !source_.is_conj() && !source_.is_neg();
    if (plain && (full_.numel() <= serial_elements || at::get_num_threads() == 1)) {
      from_ = static_cast<const std::byte*>(source_.const_data_ptr());
      to_ = static_cast<std::byte*>(full_.mutable_data_ptr());
      row_bytes_ = full_.nbytes() / static_cast<std::size_t>(batch_size);
    }
  }

  void fit_short(std::int64_t width) { short_ = whole_.slice(0, 0, width); }
  [[nodiscard]] const at::Tensor& buffer(bool full) const { return full ? full_ : short_; }
  [[nodiscard]] bool copies_rows() const { return from_ != nullptr; }

  /// Gathers by `memcpy`, without a dispatch or an allocation. Requires `copies_rows()`.
  void copy_rows(const std::int64_t* indices, std::int64_t count) {
    // With a size known at compile time, such as a label's, the copy of a row is one or two moves instead of a call.
    const bool known = copied_as<4>(indices, count) || copied_as<8>(indices, count) || copied_as<16>(indices, count) ||
                       copied_as<32>(indices, count) || copied_as<64>(indices, count);
    if (!known) copy_rows(indices, count, row_bytes_);
    full_.unsafeGetTensorImpl()->bump_version();  // so that autograd throws if it still needs the previous batch
  }

  void select_rows(const at::Tensor& indices, bool full) {
    at::index_select_out(full ? full_ : short_, source_, 0, indices);
  }

 private:
  template <std::size_t bytes>
  bool copied_as(const std::int64_t* indices, std::int64_t count) {
    if (row_bytes_ != bytes) return false;
    copy_rows(indices, count, std::integral_constant<std::size_t, bytes>{});
    return true;
  }

  template <class Size>
  void copy_rows(const std::int64_t* indices, std::int64_t count, Size size) {
    auto* to = to_;
    for (std::int64_t i = 0; i < count; ++i, to += size) {
      std::memcpy(to, from_ + static_cast<std::size_t>(indices[i]) * size, size);
    }
  }

  /// Returns whether rows are stored in order and without gaps, each with its elements in any order (as channels last).
  [[nodiscard]] bool has_whole_rows() const {
    return source_.layout() == at::kStrided && !source_.is_quantized() &&
           (source_.is_contiguous() ||
            (source_.is_non_overlapping_and_dense() && source_.stride(0) * source_.size(0) == source_.numel()));
  }

  // Up to this number of elements, ATen's kernel uses one thread too. Above it, the kernel is parallel.
  static constexpr std::int64_t serial_elements = 32768;

  at::Tensor source_, whole_, full_, short_;  // `full_` and `short_` are the first rows of `whole_`, as views
  const std::byte* from_ = nullptr;
  std::byte* to_ = nullptr;
  std::size_t row_bytes_ = 0;
};

}  // namespace detail

/// An input range of batches over a `TensorDataset`. `begin()` starts a new epoch; only one epoch runs at a time.
///
/// A batch is valid until the iterator's next increment: shuffled batches are in reused buffers, and batches in stored
/// order are views of the dataset. Clone a batch to keep it.
///
/// Batches are detached from the autograd graph of the dataset. Writes to shuffled batches do not change the dataset.
/// In stored order, later batches are copies once a batch was written to, as by a model whose first layer works in
/// place. The next increment restores the rows of the loader's first batch; those of a later batch remain as written.
///
/// **Shapes** each tensor `[batch_size, ...]`. Unless `drop_last`, the last batch may be shorter, or with several ranks
/// have one more sample (see `detail::EpochPartition`).
/// **Cost** in stored order one view and one comparison of versions per tensor and batch, and a copy of the first batch.
/// Shuffled, one gather per tensor and batch, without a dispatch or an allocation for dense rows in CPU memory, up to
/// 32768 elements per batch (any number if LibTorch uses one thread).
/// **Errors** on construction: `std::invalid_argument` if `batch_size` or `share` is invalid or `drop_last` leaves no
/// batch; `DataError` if the dataset is empty, has fewer samples than ranks or is on several devices. In `begin()`:
/// `DataError` if the sampler's order is invalid.
/// **Example** `TensorLoader loader{dataset, {.batch_size = 32, .shuffle = true}}; for (auto& [x, y] : loader) ...`
template <HoldsTensors Batch, Sampler S = OptionalShuffle>
class TensorLoader {
 public:
  using Iterator = BatchIterator<TensorLoader, Batch>;
  static constexpr bool makes_batches_at_once = true;

  explicit TensorLoader(TensorDataset<Batch> dataset, const LoaderOptions& options = {})
    requires std::same_as<S, OptionalShuffle>
      : dataset_(detached(dataset)), cursor_(dataset_.size(), options, {options.shuffle, options.seed}) {
    check_devices();
  }

  /// As above, in the order of `sampler`; `options.seed` is ignored.
  ///
  /// **Errors** `std::invalid_argument` if `options.shuffle` is set, or as `UsesGlobalGenerator`.
  TensorLoader(TensorDataset<Batch> dataset, const LoaderOptions& options, S sampler)
      : dataset_(detached(dataset)), cursor_(dataset_.size(), options, std::move(sampler)) {
    detail::check_no_shuffle(options);
    check_devices();
  }

  TensorLoader(TensorLoader&&) noexcept = default;
  TensorLoader& operator=(TensorLoader&&) noexcept = default;
  TensorLoader(const TensorLoader&) = delete;  // two loaders must not share buffers
  TensorLoader& operator=(const TensorLoader&) = delete;
  ~TensorLoader() = default;

  /// Starts the next epoch.
  [[nodiscard]] Iterator begin() {
    rows_.end_watch();
    version_.reset();  // between epochs, the program may write to its data
    cursor_.start();
    if (cursor_.order().defined()) prepare();
    advance();
    return Iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

  /// Returns the number of batches in a whole epoch, the same on each rank.
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(cursor_.batches()); }
  /// Returns the number of samples in a full batch: the option, at most an epoch's samples per rank, rounded up.
  [[nodiscard]] std::int64_t batch_size() const { return cursor_.batch_size(); }
  /// Returns the index that restores the dataset's order of rows gathered from all ranks; see `hone::unshard_permutation`.
  [[nodiscard]] at::Tensor unshard_permutation() const { return cursor_.unshard_permutation(); }
  [[nodiscard]] const DataShard& share() const { return cursor_.share(); }
  [[nodiscard]] const TensorDataset<Batch>& dataset() const { return dataset_; }

  /// Sets the epoch that the next `begin()` starts. By default, epochs count up from 0; see also `EpochScope`.
  void set_epoch(std::int64_t epoch) { cursor_.set_epoch(epoch); }
  /// Skips the next `count` batches of the current epoch without making them. The current batch must not be used any
  /// more. An increment makes the next one.
  void skip(std::int64_t count) { cursor_.skip(count); }

  /// Resumes the current epoch after the first `samples` samples of its order, counted over all ranks, and partitions
  /// the rest into batches. The current batch must not be used any more. The next increment makes the first batch of
  /// the rest. After a whole number of this loader's steps, this is the position that `skip` leads to.
  ///
  /// **Errors** `DataError` if the epoch has fewer samples, or leaves some, but fewer than ranks (unless `drop_last`).
  void resume_after(std::int64_t samples) {
    cursor_.resume_after(samples);
    if (cursor_.order().defined()) fit_short_batch();
  }
  /// Returns the number of batches in an epoch that resumes after `samples` samples. **Errors** as above.
  [[nodiscard]] std::int64_t batches_after(std::int64_t samples) const { return cursor_.batches_after(samples); }
  /// Returns the number of samples of an epoch's order that all ranks have consumed after `batches` batches. Includes
  /// `samples` for an epoch that resumed after `samples`. **Errors** as above.
  [[nodiscard]] std::int64_t samples_after(std::int64_t batches, std::int64_t samples = 0) const {
    return cursor_.samples_after(batches, samples);
  }

 private:
  friend Iterator;

  void check_devices() {
    std::optional<at::Device> device;
    for_each_tensor(dataset_.tensors(), [&device](const at::Tensor& tensor) {
      if (device.value_or(tensor.device()) != tensor.device()) {
        throw DataError(format_message("The dataset's tensors are on {} and on {}. Move them to one device.",
                                       {device->str(), tensor.device().str()}));
      }
      device = tensor.device();
    });
    device_ = *device;
  }

  /// Allocates the buffers in the first shuffled epoch. Copies the order to the device if `index_select` needs it.
  void prepare() {
    const c10::InferenceMode normal(false);  // the buffers may outlive an inference mode of the caller
    if (columns_.empty()) {
      for_each_tensor(dataset_.tensors(), [&](const at::Tensor& tensor) {
        columns_.emplace_back(tensor, cursor_.batch_size(), cursor_.most());
        selects_ = selects_ || !columns_.back().copies_rows();
      });
      full_ = buffers(true);
    }
    fit_short_batch();
    // A non-blocking copy from pageable memory to CUDA returns after the order has been read.
    if (selects_) device_order_ = cursor_.order().to(device_, at::kLong, /*non_blocking=*/device_.is_cuda());
  }

  /// Resizes the views for an epoch's last batch, whose width depends on the position at which the epoch resumed.
  void fit_short_batch() {
    if (short_width_ == cursor_.last_width()) return;
    short_width_ = cursor_.last_width();
    const c10::InferenceMode normal(false);
    for (auto& column : columns_) column.fit_short(short_width_);
    short_ = buffers(false);
  }

  [[nodiscard]] Batch buffers(bool full) const {
    auto column = columns_.begin();
    return map_tensors(dataset_.tensors(), [&](const at::Tensor& /*whole*/) { return (column++)->buffer(full); });
  }

  [[nodiscard]] bool done() const { return cursor_.done(); }
  [[nodiscard]] Batch& current() { return *batch_; }

  void advance() {
    rows_.end_watch();
    copies_ =
        copies_ || rows_.were_modified() || (version_ && detail::sum_of_versions(dataset_.tensors()) != *version_);
    if (!cursor_.advance()) return;
    if (cursor_.order().defined()) return gather();
    const bool watches = !std::exchange(has_watched_, true);
    batch_ = map_tensors(dataset_.tensors(), [&](const at::Tensor& tensor) {
      auto result = rows(tensor);
      if (watches) rows_.watch(result);
      return copies_ ? result.clone() : result;
    });
    version_ = detail::sum_of_versions(dataset_.tensors());
  }

  [[nodiscard]] at::Tensor rows(const at::Tensor& tensor) const {
    return tensor.slice(0, cursor_.first(), cursor_.first() + cursor_.width());
  }
  static TensorDataset<Batch> detached(const TensorDataset<Batch>& dataset) {
    return TensorDataset<Batch>(
        map_tensors(dataset.tensors(), [](const at::Tensor& tensor) { return tensor.detach(); }));
  }

  void gather() {
    const bool full = cursor_.width() == cursor_.batch_size();
    batch_ = full ? full_ : short_;  // reassigned, because the caller may have replaced the batch's tensors
    const auto selected = selects_ ? rows(device_order_) : at::Tensor{};
    for (auto& column : columns_) {
      if (column.copies_rows()) {
        column.copy_rows(cursor_.indices(), cursor_.width());
      } else {
        column.select_rows(selected, full);
      }
    }
  }

  TensorDataset<Batch> dataset_;
  detail::InPlaceWriteCheck rows_;
  std::optional<std::int64_t> version_;  // when the current batch in stored order was made
  bool has_watched_ = false;             // true after the first batch in stored order
  bool copies_ = false;                  // a batch in stored order was written to
  detail::EpochCursor<S> cursor_;
  at::Device device_ = at::kCPU;
  std::int64_t short_width_ = -1;
  bool selects_ = false;  // some tensors are gathered by index_select
  at::Tensor device_order_;
  std::vector<detail::GatheredColumn> columns_;
  std::optional<Batch> full_, short_, batch_;
};

template <class Batch>
TensorLoader(TensorDataset<Batch>, LoaderOptions) -> TensorLoader<Batch>;
template <class Batch, class S>
TensorLoader(TensorDataset<Batch>, LoaderOptions, S) -> TensorLoader<Batch, S>;

}  // namespace hone
