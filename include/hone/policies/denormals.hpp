// SPDX-License-Identifier: Apache-2.0
/// Policies for denormal numbers, which are nearly zero.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `FlushDenormals` | the default: they are flushed to zero | none |
/// | `KeepDenormals` | for bitwise comparison with a program that keeps them | none |
#pragma once

#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/slot_requirements.hpp"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace hone {

/// A policy with two RAII guards: `over_step()` for one step, evaluated batch or `finish_window` in the caller's own
/// loop, `over_run()` for a run.
template <class P>
concept DenormalsPolicy = PolicyFor<P, slots::Denormals> && requires(const P& policy) {
  policy.over_step();
  policy.over_run();
};

/// The bits of this thread's floating-point control register that flush denormal numbers (below 1.2e-38 in float) to
/// zero: FTZ and DAZ of MXCSR on x86-64, FZ of FPCR on AArch64. All remaining bits (rounding mode, traps, sticky
/// exceptions) are written back unchanged.
class FlushBits {
 public:
  /// True if hone can set the bits: on x86-64 and AArch64.
  static constexpr bool is_supported =
#if defined(__SSE2__) || defined(__aarch64__)
      true;
#else
      false;
#endif

#if defined(__SSE2__)
  using Bits = unsigned;
  /// The bits: FTZ for results and DAZ for operands, or FZ.
  static constexpr Bits all = 0x8040;  // FTZ for results, DAZ for operands
#else
  using Bits = std::uint64_t;
  static constexpr Bits all = is_supported ? Bits{1} << 24 : 0;
#endif

  [[nodiscard]] static Bits get() { return read() & all; }  ///< Returns the bits that are set.
  /// Sets the bits to `bits` and returns their previous values.
  static Bits set(Bits bits) {
    const auto before = read();
    if ((before & all) != bits) write((before & ~all) | bits);
    return before & all;
  }

 private:
#if defined(__SSE2__)
  static Bits read() { return _mm_getcsr(); }
  static void write(Bits value) { _mm_setcsr(value); }
#elif defined(__aarch64__)
  static Bits read() {
    Bits value = 0;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void write(Bits value) { __asm__ __volatile__("msr fpcr, %0" : : "r"(value)); }
#else
  static Bits read() { return 0; }
  static void write(Bits) {}
#endif
};

/// A RAII guard that flushes denormals in this thread, and restores each bit when destroyed.
class FlushGuard {
 public:
  FlushGuard() : before_(FlushBits::set(FlushBits::all)) {}
  FlushGuard(const FlushGuard&) = delete;
  FlushGuard& operator=(const FlushGuard&) = delete;
  ~FlushGuard() { FlushBits::set(before_); }

 private:
  FlushBits::Bits before_;
};

/// A RAII guard that flushes denormals in this thread and in the threads of LibTorch's operators, and restores each bit
/// in each thread when destroyed.
class TeamFlushGuard {
 public:
  TeamFlushGuard() : before_(FlushBits::set(FlushBits::all)) {
    if (at::get_num_threads() == 1) return;
    team_before_ = at::zeros({at::get_num_threads()}, at::kInt);
    in_team([](std::int32_t& before) { before = static_cast<std::int32_t>(FlushBits::set(FlushBits::all)); });
  }
  TeamFlushGuard(const TeamFlushGuard&) = delete;
  TeamFlushGuard& operator=(const TeamFlushGuard&) = delete;
  ~TeamFlushGuard() {
    if (team_before_.defined()) {
      try {
        in_team([](std::int32_t& before) { FlushBits::set(static_cast<FlushBits::Bits>(before)); });
      } catch (...) {  // out of memory for the iterator: the team continues to flush
      }
    }
    FlushBits::set(before_);
  }

 private:
  /// Calls `f` in each thread of the team with that thread's element. A `TensorIterator` is the only access to these
  /// threads that is compiled into LibTorch.
  template <class F>
  void in_team(F f) {
    auto work =
        at::TensorIteratorConfig().check_all_same_dtype(false).resize_outputs(false).add_output(team_before_).build();
    work.for_each(
        [f](char** data, const std::int64_t* strides, std::int64_t n) {
          for (std::int64_t i = 0; i < n; ++i) f(*reinterpret_cast<std::int32_t*>(data[0] + i * strides[0]));
        },
        /*grain_size=*/1);
  }

  FlushBits::Bits before_;
  at::Tensor team_before_;  ///< One element per thread; undefined if this thread is the only one.
};

/// Flushes denormal operands and results to zero. Momentum buffers of weights behind units that never fire decay to
/// denormals, with which a CPU computes a hundred times slower.
///
/// **Cost** per step of the caller's own loop: two reads and at most two writes of a register, in the calling thread
/// only.
struct FlushDenormals {
  using slot = slots::Denormals;
  [[nodiscard]] static FlushGuard over_step() { return {}; }
  [[nodiscard]] static TeamFlushGuard over_run() { return {}; }
};

/// Leaves the control register of each thread as the caller has set it.
struct KeepDenormals {
  using slot = slots::Denormals;
  [[nodiscard]] static NoScope over_step() { return {}; }
  [[nodiscard]] static NoScope over_run() { return {}; }
};
static_assert(DenormalsPolicy<FlushDenormals> && DenormalsPolicy<KeepDenormals>);
static_assert(std::is_empty_v<FlushDenormals> && std::is_empty_v<KeepDenormals>);

namespace detail::denormals_rules {

HONE_POLICY_NEEDS(
    has_over_run, "a denormals policy", "over_run() const", requires(const P& policy) { policy.over_run(); });
HONE_POLICY_NEEDS(has_over_step, "a denormals policy", "over_step() const", DenormalsPolicy<P>);

}  // namespace detail::denormals_rules

template <>
struct SlotRequirements<slots::Denormals>
    : detail::Requirements<detail::denormals_rules::has_over_run, detail::denormals_rules::has_over_step> {};

}  // namespace hone
