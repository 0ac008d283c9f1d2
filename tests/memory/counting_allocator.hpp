// SPDX-License-Identifier: Apache-2.0
/// Counts the bytes of tensors on the CPU that are alive.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

/// While it lives, tensors on the CPU are counted. One at a time; tensors made meanwhile may outlive it.
class CountingAllocator final : public c10::Allocator {
 public:
  static CountingAllocator& instance() {
    static CountingAllocator allocator;
    return allocator;
  }

  c10::DataPtr allocate(std::size_t bytes) override {
    auto* raw = static_cast<std::int64_t*>(std::aligned_alloc(header, (bytes / header + 2) * header));
    if (raw == nullptr) return {};
    *raw = static_cast<std::int64_t>(bytes);
    live_ += *raw;
    peak_ = std::max(peak_, live_);
    return {reinterpret_cast<char*>(raw) + header, raw, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }

  [[nodiscard]] std::int64_t live() const { return live_; }
  /// The most bytes while `f` ran, beyond those before it.
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
  static constexpr std::size_t header = 64;  // as tensors are aligned
  static void release(void* raw) {
    instance().live_ -= *static_cast<std::int64_t*>(raw);
    std::free(raw);
  }

  std::int64_t live_ = 0, peak_ = 0;
};
