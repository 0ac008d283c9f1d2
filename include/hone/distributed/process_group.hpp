// SPDX-License-Identifier: Apache-2.0
/// What all communicators share: collectives on tensors over LibTorch's process groups, and what becomes of them when a
/// process fails.
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/distributed/collective_log.hpp"
#include "hone/distributed/failures.hpp"

namespace hone {

/// How numbers of several processes become one.
enum class Reduction { sum, max, min };

class ProcessGroup;

namespace detail {

/// What a group is made of, once its processes have found each other: `backend` is what LibTorch sends with, `store`
/// where they met; both are null for one process.
struct Connection {
  int rank = 0;
  int world_size = 1;
  at::Device device = at::kCPU;  ///< Where the backend takes tensors.
  std::chrono::milliseconds timeout{0};
  c10::intrusive_ptr<c10d::Store> store = {};
  c10::intrusive_ptr<c10d::Backend> backend = {};
  c10d::ProcessGroup::BackendType type = c10d::ProcessGroup::UNDEFINED;
  std::function<void()> interrupt = {};             ///< Lets go whoever waits for the backend.
  std::shared_ptr<CollectiveLog> collectives = {};  ///< The backend's calls.
  const ProcessGroup* host = nullptr;               ///< The group over which this one was formed.
  std::shared_ptr<void> until_closed = {};          ///< Released when the group is closed.
  std::function<void()> after_shutdown = {};        ///< Called in order, after `shutdown`.
};

}  // namespace detail

/// A group of processes. All its calls are collective, unless they say otherwise: every process of the group makes
/// them, in the same order. They block. Copies are the same group. With one process nothing is ever exchanged.
///
/// Tensors may be anywhere: those that the group cannot send go through its own device.
/// **Errors** `DistributedError` from every collective when a process fails, does not come within the time-out, or the
/// group was shut down; over Gloo and MPI, also about two seconds after processes have made different collective calls,
/// with what each of two ranks called. The collectives of a group that failed fail at once. A group of which the last
/// copy goes because of an exception has failed, and the others are told.
class ProcessGroup {
  struct Members;

 public:
  explicit ProcessGroup(detail::Connection connection);
  using Milliseconds = std::chrono::milliseconds;

  ProcessGroup(const ProcessGroup&) = default;  // there is no move: what was moved from could not even say its rank
  ProcessGroup& operator=(const ProcessGroup&) = default;

  /// A collective under way.
  class Pending {
   public:
    /// Waits until it is done.
    void wait();

   private:
    friend ProcessGroup;
    Pending(std::shared_ptr<Members> members, std::string_view what) : members_(std::move(members)), what_(what) {}

    std::shared_ptr<Members> members_;
    c10::intrusive_ptr<c10d::Work> work_;
    std::string_view what_;
  };

  [[nodiscard]] int rank() const { return members_->rank; }
  [[nodiscard]] int world_size() const { return members_->world_size; }
  [[nodiscard]] at::Device device() const { return members_->device; }
  [[nodiscard]] Milliseconds timeout() const { return members_->timeout; }
  /// The group for numbers of the host's: this one, or, of a group between GPUs, the one over which it was formed. So
  /// no host waits for its GPU to agree with the others.
  [[nodiscard]] ProcessGroup on_host() const { return members_->host ? ProcessGroup(members_->host) : *this; }
  /// LibTorch's own object, null for one process.
  [[nodiscard]] const c10::intrusive_ptr<c10d::ProcessGroup>& handle() const { return members_->group; }
  /// The store over which the group was formed, null for one process.
  [[nodiscard]] const c10::intrusive_ptr<c10d::Store>& store() const { return members_->store; }

  /// Makes `values` in every process the reduction over all. In place. **Shapes** the same in all processes.
  void all_reduce(const at::Tensor& values, Reduction how = Reduction::sum, std::string_view what = "all-reduce") const;
  /// The same, under way: `values`, on the group's device, are not to be touched until the wait is over.
  [[nodiscard]] Pending begin_all_reduce(const at::Tensor& values, Reduction how, std::string_view what) const;
  /// Makes `values` in every process those of `root`. In place.
  void broadcast(const at::Tensor& values, int root = 0, std::string_view what = "broadcast") const;
  [[nodiscard]] Pending begin_broadcast(const at::Tensor& values, int root, std::string_view what) const;
  /// Adds the values of all processes up in `root`; those elsewhere are undefined afterwards.
  [[nodiscard]] Pending begin_reduce(const at::Tensor& values, int root, std::string_view what) const;
  /// The values of all processes, in the order of ranks, in every process. **Shapes** those of a process may differ
  /// from the others' in the first dimension, which may be 0.
  ///
  /// **Errors** `DistributedError` in every process when they differ elsewhere, or in type.
  [[nodiscard]] std::vector<at::Tensor> gather(const at::Tensor& values, std::string_view what = "gather") const;
  /// One number of each process, in the order of ranks.
  [[nodiscard]] std::vector<std::int64_t> gather_numbers(std::int64_t number, std::string_view what = "gather") const;
  /// A text of each process, in the order of ranks.
  [[nodiscard]] std::vector<std::string> gather_texts(std::string_view text, std::string_view what = "gather") const;
  /// Returns when every process has called it.
  void barrier(std::string_view what = "barrier") const { static_cast<void>(gather_numbers(0, what)); }

  /// Tells the others why this process leaves, and closes its connections, so that they need not wait for it. Not
  /// collective.
  void fail(std::string_view reason) const noexcept { members_->fail(reason); }
  /// Leaves the group in order: waits until all processes do so, then closes the connections. Without it, a group is
  /// closed when the last copy of it goes, and nobody is waited for.
  void shutdown() const;

  /// Throws what is to be said of an error of the group's that came out of somebody else's code.
  [[noreturn]] void explain(std::string_view what, const std::exception& error) const {
    members_->explain(what, error);
  }
  /// The same for who is not to keep the group open; it does nothing once the group is gone.
  [[nodiscard]] std::function<void(std::string_view, const std::exception&)> explainer() const;
  /// True when the group was closed, by a failure or by `shutdown`.
  [[nodiscard]] bool is_closed() const { return members_->is_closed; }

 private:
  struct Members {
    int rank = 0;
    int world_size = 1;
    at::Device device = at::kCPU;
    Milliseconds timeout{0};
    c10::intrusive_ptr<c10d::Store> store = {};
    c10::intrusive_ptr<c10d::ProcessGroup> group = {};
    c10::intrusive_ptr<c10d::Backend> interruptible = {};
    std::unique_ptr<Failures> failures = {};
    std::shared_ptr<Members> host = {};
    std::shared_ptr<void> until_closed = {};
    std::function<void()> after_shutdown = {};
    bool is_closed = false;
    std::string closed_because = {};
    int exceptions = std::uncaught_exceptions();

    Members() = default;
    Members(const Members&) = delete;
    Members& operator=(const Members&) = delete;
    ~Members();

    void fail(std::string_view reason) noexcept;
    /// What is under way when the group has failed ends now, here and elsewhere, whoever else has a hold of the group.
    void close(std::string_view reason, bool has_failed) noexcept;
    /// A backend that waits for a message, which is never to come, must hold nobody up: neither here nor where somebody
    /// else has a hold of the group.
    void bury() noexcept;
    void abort() noexcept;
    [[noreturn]] void explain(std::string_view what, const std::exception& error);
    [[noreturn]] void refuse(std::string_view what) const;
    /// The first line of an error of LibTorch's, without the place in its sources; the rest is a stack of calls.
    [[nodiscard]] static std::string shortened(std::string_view text);
  };

  explicit ProcessGroup(std::shared_ptr<Members> members) : members_(std::move(members)) {}
  template <class F>
  void on_device(const at::Tensor& values, F&& use) const;
  /// The length of each process's values in the first dimension.
  [[nodiscard]] std::vector<std::int64_t> row_counts(const at::Tensor& rows, std::string_view what) const;
  [[nodiscard]] std::vector<at::Tensor> all_gather(at::Tensor values, std::string_view what) const;
  template <class F>
  [[nodiscard]] Pending begin(std::string_view what, F&& start) const;

  std::shared_ptr<Members> members_;
};

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/distributed/process_group.ipp"
#endif
