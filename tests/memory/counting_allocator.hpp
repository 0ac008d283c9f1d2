// SPDX-License-Identifier: Apache-2.0
/// An allocator that counts the bytes of live CPU tensors.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>

/// Counts the CPU tensors that are allocated within `peak_of`. Calls cannot be nested. Tensors may outlive the call.
class CountingAllocator final : public c10::Allocator {
 public:
  static CountingAllocator& instance() {
    static CountingAllocator allocator;
    return allocator;
  }

  c10::DataPtr allocate(std::size_t bytes) override {
    void* data = std::aligned_alloc(alignment, (bytes / alignment + 1) * alignment);
    if (data == nullptr) throw std::bad_alloc();
    const std::lock_guard lock(mutex_);
    sizes_[data] = static_cast<std::int64_t>(bytes);
    live_ += static_cast<std::int64_t>(bytes);
    peak_ = std::max(peak_, live_);
    return {data, data, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }

  [[nodiscard]] std::int64_t live() const { return live_; }
  /// Returns the peak of live bytes during `f`, minus the live bytes before.
  template <class F>
  std::int64_t peak_of(F&& f) {
    auto* before = c10::GetCPUAllocator();
    c10::SetCPUAllocator(this, /*priority=*/100);
    const auto at_start = live_;
    peak_ = live_;
    try {
      f();
    } catch (...) {
      c10::SetCPUAllocator(before, 100);
      throw;
    }
    c10::SetCPUAllocator(before, 100);
    return peak_ - at_start;
  }

 private:
  static constexpr std::size_t alignment = 64;
  static void release(void* data) {
    auto& self = instance();
    {
      const std::lock_guard lock(self.mutex_);
      const auto size = self.sizes_.extract(data);
      if (!size.empty()) self.live_ -= size.mapped();
    }
    std::free(data);
  }

  std::mutex mutex_;
  std::unordered_map<void*, std::int64_t> sizes_;
  std::int64_t live_ = 0, peak_ = 0;
};
