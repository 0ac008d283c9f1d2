// SPDX-License-Identifier: Apache-2.0
/// What becomes of numbers that are nearly zero.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `FlushDenormals` | the default: they are zero | none |
/// | `KeepDenormals` | to compare, to the last bit, with a program that keeps them | none |
#pragma once

#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <ATen/ops/empty.h>

#include <cstdint>
#include <type_traits>

#include "hone/core/policy.hpp"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace hone {

/// What `over_step` returns lives over a step of the host's own loop, what `over_run` returns over a run.
template <class P>
concept DenormalsPolicy = PolicyFor<P, slots::Denormals> && requires(const P& policy) {
  policy.over_step();
  policy.over_run();
};

/// How the processor rounds in this thread, as far as numbers below the smallest normal one go (1.2e-38 in float).
class FloatControl {
 public:
  /// True where hone knows how to tell the processor (x86-64 and AArch64).
  static constexpr bool is_known =
#if defined(__SSE2__) || defined(__aarch64__)
      true;
#else
      false;
#endif

  [[nodiscard]] static bool flushes() { return (read() & flush_bits) != 0; }
  /// Returns what was in force before.
  static bool flush(bool on) {
    const auto before = read();
    write(on ? before | flush_bits : before & ~flush_bits);
    return (before & flush_bits) != 0;
  }

 private:
#if defined(__SSE2__)
  static constexpr unsigned flush_bits = 0x8040;  // results, and operands
  static unsigned read() { return _mm_getcsr(); }
  static void write(unsigned value) { _mm_setcsr(value); }
#elif defined(__aarch64__)
  static constexpr std::uint64_t flush_bits = std::uint64_t{1} << 24;
  static std::uint64_t read() {
    std::uint64_t value = 0;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void write(std::uint64_t value) { __asm__ __volatile__("msr fpcr, %0" : : "r"(value)); }
#else
  static constexpr unsigned flush_bits = 0;
  static unsigned read() { return 0; }
  static void write(unsigned) {}
#endif
};

/// Flushes in this thread while it lives.
class FlushGuard {
 public:
  FlushGuard() : before_(FloatControl::flush(true)) {}
  FlushGuard(const FlushGuard&) = delete;
  FlushGuard& operator=(const FlushGuard&) = delete;
  ~FlushGuard() { FloatControl::flush(before_); }

 private:
  bool before_;
};

/// Flushes in this thread and in those that LibTorch's operators share work with, while it lives.
class TeamFlushGuard {
 public:
  TeamFlushGuard() : before_(FloatControl::flushes()) {
    if (!before_) set_in_team(true);
  }
  TeamFlushGuard(const TeamFlushGuard&) = delete;
  TeamFlushGuard& operator=(const TeamFlushGuard&) = delete;
  ~TeamFlushGuard() {
    if (before_) return;
    try {
      set_in_team(false);
    } catch (...) {  // no memory for so much as a byte a thread; this thread is done already
    }
  }

 private:
  /// Every thread of the team gets one element to work on: the one way to reach them that is compiled into LibTorch.
  static void set_in_team(bool on) {
    FloatControl::flush(on);
    if (at::get_num_threads() == 1) return;
    const auto places = at::empty({at::get_num_threads()}, at::kByte);
    auto work = at::TensorIteratorConfig()
                    .check_all_same_dtype(false)
                    .resize_outputs(false)
                    .add_output(places)
                    .build();
    work.for_each([on](char**, const std::int64_t*, std::int64_t) { FloatControl::flush(on); }, /*grain_size=*/1);
  }

  bool before_;
};

/// They are zero, in operands and results. Weights behind units that never fire decay into them under momentum, and
/// arithmetic with them takes a processor a hundred times longer.
///
/// **Cost** of a step of the host's own loop: two writes of a register, in the calling thread only.
struct FlushDenormals {
  using slot = slots::Denormals;
  [[nodiscard]] static FlushGuard over_step() { return {}; }
  [[nodiscard]] static TeamFlushGuard over_run() { return {}; }
};

/// They are computed with as the host has it.
struct KeepDenormals {
  using slot = slots::Denormals;
  [[nodiscard]] static NoScope over_step() { return {}; }
  [[nodiscard]] static NoScope over_run() { return {}; }
};
static_assert(DenormalsPolicy<FlushDenormals> && DenormalsPolicy<KeepDenormals>);
static_assert(std::is_empty_v<FlushDenormals> && std::is_empty_v<KeepDenormals>);

}  // namespace hone
