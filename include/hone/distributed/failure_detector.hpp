// SPDX-License-Identifier: Apache-2.0
/// Failure detection for a process group, over a store, independent of the collectives: which rank failed, and why.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "hone/distributed/collective_log.hpp"

namespace hone {

/// The failure detector of one rank.
///
/// A rank that fails publishes its reason. A rank whose collective got an error publishes the collective's name and
/// reads the messages of its peers. A thread polls for failures of peers, every 250 ms (2 ms per rank above 125 ranks),
/// and acknowledges them, which distinguishes a killed rank from a straggler. From 400 ms after a failure, the thread
/// interrupts the pending collectives until this process notices it. If the process does not notice within the group's
/// time-out, for example in an endless loop, the thread ends the process.
///
/// Only the thread accesses the store, so a store that does not respond delays a call by about 3 s at most.
///
/// **Cost** none in a collective that succeeds.
class FailureDetector {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// Starts the thread. It calls `interrupt` while the group has failed and this process has not noticed. With
  /// `collectives`, mismatched collective calls fail the group.
  FailureDetector(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world_size, Milliseconds timeout,
                  std::function<void()> interrupt = {}, std::shared_ptr<detail::CollectiveLog> collectives = {});
  FailureDetector(const FailureDetector&) = delete;
  FailureDetector& operator=(const FailureDetector&) = delete;
  ~FailureDetector() { leave(); }

  /// Publishes why this process leaves, and waits up to 2 s until the store has it. A no-op after `publish` or
  /// `explain`.
  void publish(std::string_view reason) noexcept;

  /// Returns a message that explains an error of `collective`, with the rank at fault if it can be determined. Waits
  /// for the messages of its peers: until one reports a failure, else 1 s if a rank was killed and 3 s if a rank is a
  /// straggler; never longer than the group's time-out.
  [[nodiscard]] std::string explain(std::string_view collective, std::string_view original) noexcept;

  /// Ends the thread, and waits up to 1 s for it. Before that, rank 0, which serves the store, waits up to 2 s until
  /// its peers have left or need the store no more.
  void leave() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Milliseconds patience{2000};
  static constexpr Milliseconds interruption_after{400};  // an error of a collective is noticed much sooner

  struct Channel;

  /// Returns whether rank 0 may leave. The store ends with it.
  [[nodiscard]] bool others_may_do_without(Clock::duration waited) const;
  [[nodiscard]] Milliseconds grace() const;
  /// Returns the time within which every live rank acknowledges a failure.
  [[nodiscard]] Milliseconds quiet() const;

  [[nodiscard]] std::string suspects(std::string_view collective, std::string_view original);
  /// Returns the diagnosis; empty while it is too early for one.
  [[nodiscard]] std::string diagnose(std::string_view original, Clock::duration waited, bool is_heard) const;

  std::shared_ptr<Channel> channel_;
  std::thread thread_;
};

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/distributed/failure_detector.ipp"
#endif
