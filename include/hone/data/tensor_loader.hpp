// SPDX-License-Identifier: Apache-2.0
/// Batches of a dataset held in tensors, gathered whole into buffers that are used again.
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
#include "hone/core/sentence.hpp"
#include "hone/data/batch.hpp"
#include "hone/data/batch_iterator.hpp"
#include "hone/data/epoch_walk.hpp"
#include "hone/data/loader_options.hpp"
#include "hone/data/sampler.hpp"
#include "hone/data/stored_order.hpp"
#include "hone/data/tensor_dataset.hpp"
#include "hone/data/untouched_rows.hpp"

namespace hone {

namespace detail {

/// One tensor of a dataset and the buffers that its batches are gathered into.
class GatheredColumn {
 public:
  /// Batches of `batch_size` samples, others of at most `most`.
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

  /// Gathers by plain copies: no dispatch and no allocation.
  void copy_rows(const std::int64_t* indices, std::int64_t count) {
    // Of a size that the compiler knows, such as that of a label, a row is a move or two and no call.
    const bool known = copied_as<4>(indices, count) || copied_as<8>(indices, count) || copied_as<16>(indices, count) ||
                       copied_as<32>(indices, count) || copied_as<64>(indices, count);
    if (!known) copy_rows(indices, count, row_bytes_);
    full_.unsafeGetTensorImpl()->bump_version();  // so that autograd notices when it still needs the batch before
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

  /// One row after the other, each without gaps, whatever the order of its elements (such as channels last).
  [[nodiscard]] bool has_whole_rows() const {
    return source_.layout() == at::kStrided && !source_.is_quantized() &&
           (source_.is_contiguous() ||
            (source_.is_non_overlapping_and_dense() && source_.stride(0) * source_.size(0) == source_.numel()));
  }

  // Up to here ATen's own kernel copies on one thread as well; beyond, it shares the work out where there are threads.
  static constexpr std::int64_t serial_elements = 32768;

  at::Tensor source_, whole_, full_, short_;  // the last two are of the first rows of `whole_`
  const std::byte* from_ = nullptr;
  std::byte* to_ = nullptr;
  std::size_t row_bytes_ = 0;
};

}  // namespace detail

/// An input range of batches over a dataset held in tensors. `begin()` starts a new epoch; one epoch runs at a time.
///
/// A batch is valid until the iterator's next increment: shuffled batches live in buffers that are filled again,
/// batches in stored order are views of the dataset. Clone what must last.
///
/// In either order, batches are detached from the graph that made the dataset, and writing to a batch does not change
/// the dataset: where the first batch in stored order is written to, as by a model whose first layer works in place,
/// its rows get their values back at the next increment, and later batches are copies.
///
/// **Shapes** each tensor `[batch_size, ...]`, the last batch shorter unless `drop_last`; in a share of many processes
/// the last batch may have one sample more instead (see `LoaderOptions::share`).
/// **Cost** in stored order one view per tensor and batch. Shuffled, one gather per tensor and batch; small rows in CPU
/// memory are copied without a dispatch or an allocation.
/// **Errors** on construction: `std::invalid_argument` when batch_size is below 1 or `drop_last` would leave no batch,
/// `DataError` when the dataset is empty, too small for its processes, or spread over devices. In `begin()`:
/// `DataError` when the sampler's order does not fit.
/// **Example** `TensorLoader loader{dataset, {.batch_size = 32, .shuffle = true}}; for (auto& [x, y] : loader) ...`
template <HoldsTensors Batch, Sampler S = OptionalShuffle>
class TensorLoader {
 public:
  using Iterator = BatchIterator<TensorLoader, Batch>;
  static constexpr bool makes_batches_at_once = true;

  explicit TensorLoader(TensorDataset<Batch> dataset, const LoaderOptions& options = {})
    requires std::same_as<S, OptionalShuffle>
      : dataset_(detached(dataset)), walk_(dataset_.size(), options, {options.shuffle, options.seed}) {
    check_devices();
  }

  /// As above in the order of `sampler`; `options.seed` is then not used.
  ///
  /// **Errors** `std::invalid_argument` when `options.shuffle` is set too.
  TensorLoader(TensorDataset<Batch> dataset, const LoaderOptions& options, S sampler)
      : dataset_(detached(dataset)), walk_(dataset_.size(), options, std::move(sampler)) {
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
    walk_.start();
    if (walk_.order().defined()) prepare();
    advance();
    return Iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

  /// The number of batches in an epoch, the same in each process.
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(walk_.batches()); }
  /// Samples in a batch: the option, or as many as there are where it asks for more.
  [[nodiscard]] std::int64_t batch_size() const { return walk_.batch_size(); }
  /// Puts rows that were gathered from all processes into the dataset's order; see `hone::stored_order`.
  [[nodiscard]] at::Tensor stored_order() const { return hone::stored_order(walk_.samples(), walk_.options()); }
  [[nodiscard]] const DataShare& share() const { return walk_.share(); }
  [[nodiscard]] const TensorDataset<Batch>& dataset() const { return dataset_; }

  /// Chooses the epoch that the next `begin()` starts; without it epochs count up from 0.
  void set_epoch(std::int64_t epoch) { walk_.set_epoch(epoch); }
  /// In an epoch that goes on, passes over the next `count` batches without making them: the one at hand
  /// is no longer to be used, an increment makes the one after them.
  void skip(std::int64_t count) { walk_.skip(count); }

  /// In an epoch that has begun, goes on after the first `samples` samples of its order, those of all processes,
  /// whatever batches they were in: the batch at hand is no longer to be used, an increment makes the first of those
  /// that the rest is cut into. After whole steps of this loader that is where `skip` would lead.
  ///
  /// **Errors** `DataError` when the epoch has fewer, or leaves fewer than there are processes (unless `drop_last`).
  void go_on_after(std::int64_t samples) {
    walk_.go_on_after(samples);
    if (walk_.order().defined()) fit_short_batch();
  }
  /// The number of batches in an epoch that goes on after `samples` samples.
  [[nodiscard]] std::int64_t batches_after(std::int64_t samples) const { return walk_.batches_after(samples); }
  /// How many samples of an epoch's order have passed, in all processes, after `batches` batches; of an epoch that went
  /// on after `samples`, those included.
  [[nodiscard]] std::int64_t samples_after(std::int64_t batches, std::int64_t samples = 0) const {
    return walk_.samples_after(batches, samples);
  }

 private:
  friend Iterator;

  void check_devices() {
    std::optional<at::Device> device;
    for_each_tensor(dataset_.tensors(), [&device](const at::Tensor& tensor) {
      if (device.value_or(tensor.device()) != tensor.device()) {
        throw DataError(sentence("The dataset's tensors are on {} and on {}. Move them to one device.",
                                 {device->str(), tensor.device().str()}));
      }
      device = tensor.device();
    });
    device_ = *device;
  }

  /// Makes the buffers, in the first shuffled epoch, and brings the order to where it is used.
  void prepare() {
    const c10::InferenceMode normal(false);  // a loader may be made in inference mode and outlive it
    if (columns_.empty()) {
      for_each_tensor(dataset_.tensors(), [&](const at::Tensor& tensor) {
        columns_.emplace_back(tensor, walk_.batch_size(), walk_.most());
        selects_ = selects_ || !columns_.back().copies_rows();
      });
      full_ = buffers(true);
    }
    fit_short_batch();
    // CUDA has read the order when the call returns.
    if (selects_) device_order_ = walk_.order().to(device_, at::kLong, /*non_blocking=*/device_.is_cuda());
  }

  /// The batch that is not full is the last one of an epoch; its width is another where the epoch went on.
  void fit_short_batch() {
    if (short_width_ == walk_.last_width()) return;
    short_width_ = walk_.last_width();
    const c10::InferenceMode normal(false);
    for (auto& column : columns_) column.fit_short(short_width_);
    short_ = buffers(false);
  }

  [[nodiscard]] Batch buffers(bool full) const {
    auto column = columns_.begin();
    return map_tensors(dataset_.tensors(), [&](const at::Tensor& /*whole*/) { return (column++)->buffer(full); });
  }

  [[nodiscard]] bool done() const { return walk_.done(); }
  [[nodiscard]] Batch& current() { return *batch_; }

  void advance() {
    rows_.end_watch();
    if (!walk_.advance()) return;
    if (walk_.order().defined()) return gather();
    const bool copies = rows_.were_touched();
    const bool watches = !std::exchange(has_watched_, true);
    batch_ = map_tensors(dataset_.tensors(), [&](const at::Tensor& tensor) {
      auto result = rows(tensor);
      if (watches) rows_.watch(result);
      return copies ? result.clone() : result;
    });
  }

  [[nodiscard]] at::Tensor rows(const at::Tensor& tensor) const {
    return tensor.slice(0, walk_.first(), walk_.first() + walk_.width());
  }
  static TensorDataset<Batch> detached(const TensorDataset<Batch>& dataset) {
    return TensorDataset<Batch>(
        map_tensors(dataset.tensors(), [](const at::Tensor& tensor) { return tensor.detach(); }));
  }

  void gather() {
    const bool full = walk_.width() == walk_.batch_size();
    batch_ = full ? full_ : short_;  // afresh, because the batch was the caller's to change
    const auto selected = selects_ ? rows(device_order_) : at::Tensor{};
    for (auto& column : columns_) {
      if (column.copies_rows()) {
        column.copy_rows(walk_.indices(), walk_.width());
      } else {
        column.select_rows(selected, full);
      }
    }
  }

  TensorDataset<Batch> dataset_;
  detail::UntouchedRows rows_;
  bool has_watched_ = false;  // the first batch in stored order
  detail::EpochWalk<S> walk_;
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
