// SPDX-License-Identifier: Apache-2.0
/// Protection of a dataset against writes to a batch that is a view of it.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "hone/data/visit_tensors.hpp"

namespace hone::detail {

/// Returns a number that every write in place to the tensor, or to a view of it, changes; -1 for inference tensors, which
/// have no version counter.
inline std::int64_t version_of(const at::Tensor& tensor) {
  if (tensor.is_inference()) return -1;
  return static_cast<std::int64_t>(tensor.unsafeGetTensorImpl()->version_counter().current_version());
}
/// Returns the sum of the versions of a batch's tensors.
template <class Batch>
std::int64_t sum_of_versions(const Batch& batch) {
  std::int64_t sum = 0;
  for_each_tensor(batch, [&](const at::Tensor& tensor) { sum += version_of(tensor); });
  return sum;
}

/// Detects writes to a watched batch of views, as by a model whose first layer works in place, and restores the rows.
/// `were_modified()` then returns true, so that the loader copies later batches.
///
/// **Cost** a copy of the watched batch; a comparison, with a host synchronization, if a version has changed.
class InPlaceWriteCheck {
 public:
  InPlaceWriteCheck() = default;
  InPlaceWriteCheck(InPlaceWriteCheck&& other) noexcept { *this = std::move(other); }
  InPlaceWriteCheck& operator=(InPlaceWriteCheck&& other) noexcept {
    watched_ = std::exchange(other.watched_, {});
    were_modified_ = other.were_modified_;
    return *this;
  }
  ~InPlaceWriteCheck() {
    try {
      end_watch();
    } catch (...) {  // the device has failed
    }
  }

  /// Watches `rows` until `end_watch`.
  void watch(const at::Tensor& rows) {
    const c10::InferenceMode normal(false);
    watched_.push_back({rows, rows.clone(), version_of(rows)});
  }
  /// Ends the watch and restores rows that were written to. The batch must not be used any more.
  void end_watch() {
    if (watched_.empty()) [[likely]]
      return;
    const c10::InferenceMode normal(false);
    const at::NoGradGuard no_gradients;
    for (auto& [rows, values, version] : std::exchange(watched_, {})) {
      if (version_of(rows) == version && version >= 0) continue;
      if (are_same(rows, values)) continue;
      rows.copy_(values);
      were_modified_ = true;
    }
  }
  [[nodiscard]] bool were_modified() const { return were_modified_; }

 private:
  struct Watched {
    at::Tensor rows, values;
    std::int64_t version;
  };

  /// Returns whether all elements are equal, where NaN equals NaN.
  static bool are_same(const at::Tensor& a, const at::Tensor& b) {
    return at::equal(a, b) || a.eq(b).logical_or_(a.ne(a).logical_and_(b.ne(b))).all().item<bool>();
  }

  std::vector<Watched> watched_;
  bool were_modified_ = false;
};

}  // namespace hone::detail
