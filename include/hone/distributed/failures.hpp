// SPDX-License-Identifier: Apache-2.0
/// Who failed, and why: the processes of a group tell each other over a store, beside the collectives, which can only
/// say that something went wrong.
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

/// One process's view of the failures in its group.
///
/// A process that fails publishes its reason. One whose collective broke publishes what it waited in, and asks for the
/// others' words. A thread looks for failures of others four times a second, and answers: so who is killed can be told
/// from who is late. It interrupts the collectives under way, in case this process waits in one. When another has
/// failed and this process does not come to notice, in a loop that never ends, say, the thread ends the process after
/// the group's time-out.
///
/// All talk with the store is that thread's: a store that does not answer delays nobody for more than a few seconds.
///
/// **Cost** nothing in a collective that succeeds.
class Failures {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// `interrupt` is called, in the thread, while the group has failed and this process does not notice. With
  /// `collectives`, processes that make different calls fail the group.
  Failures(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world_size, Milliseconds timeout,
           std::function<void()> interrupt = {}, std::shared_ptr<detail::CollectiveLog> collectives = {});
  Failures(const Failures&) = delete;
  Failures& operator=(const Failures&) = delete;
  ~Failures() { leave(); }

  /// Tells the others why this process leaves. Does nothing when it has said something already.
  void publish(std::string_view reason) noexcept;

  /// What is to be said of a collective that broke: who is at fault, as far as can be found out. Waits for the others'
  /// words: at once when one failed, a second when one was killed, three when one is late; never more than the group's
  /// time-out.
  [[nodiscard]] std::string explain(std::string_view collective, std::string_view original) noexcept;

  /// The watch ends; nobody ends this process any more. Rank 0, which keeps the store, lets the others hear what was
  /// said, or leave first, and waits two seconds for them at most.
  void leave() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Milliseconds patience{2000};
  static constexpr Milliseconds interruption_after{400};  // a collective that broke is noticed much sooner

  struct Channel;

  /// For rank 0, which takes the store with it.
  [[nodiscard]] bool others_may_do_without(Clock::duration waited) const;
  [[nodiscard]] Milliseconds grace() const;
  /// Who lives has answered by then.
  [[nodiscard]] Milliseconds quiet() const;

  [[nodiscard]] std::string culprits(std::string_view collective, std::string_view original);
  /// Empty as long as it is too early to say.
  [[nodiscard]] std::string verdict(std::string_view original, Clock::duration waited, bool is_heard) const;

  std::shared_ptr<Channel> channel_;
  std::thread thread_;
};

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/distributed/failures.ipp"
#endif
