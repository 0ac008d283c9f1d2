// SPDX-License-Identifier: Apache-2.0
/// The process group of all communicators: collectives over LibTorch's process groups, with failure detection.
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
#include "hone/distributed/failure_detector.hpp"

namespace hone {

/// The operation of a reduction.
enum class Reduction { sum, max, min };

class ProcessGroup;

namespace detail {

/// The parts of a group, after the rendezvous. `backend` executes LibTorch's collectives, and `store` is the store of
/// the rendezvous. Both are null for one process.
struct Connection {
  int rank = 0;
  int world_size = 1;
  at::Device device = at::kCPU;  ///< The device of the backend's tensors.
  std::chrono::milliseconds timeout{0};
  c10::intrusive_ptr<c10d::Store> store = {};
  c10::intrusive_ptr<c10d::Backend> backend = {};
  c10d::ProcessGroup::BackendType type = c10d::ProcessGroup::UNDEFINED;
  std::function<void()> interrupt = {};             ///< Fails the backend's pending collectives.
  std::shared_ptr<CollectiveLog> collectives = {};  ///< The record of the backend's calls.
  const ProcessGroup* host = nullptr;               ///< The group over which this one was formed.
  std::shared_ptr<void> until_closed = {};          ///< Released when the group is closed.
  std::function<void()> after_shutdown = {};        ///< Called at the end of `shutdown`.
};

}  // namespace detail

/// A group of processes. Its functions are collective unless documented otherwise: every rank calls them, in the same
/// order. They block the host, but over NCCL `all_reduce` and `broadcast` block only the current CUDA stream. Copies
/// refer to the same group. With one process, nothing is sent. Not thread-safe.
///
/// Tensors on another device than the group's are sent through the group's device.
/// **Errors** `DistributedError` from every collective when a rank fails or exceeds the time-out, or after `shutdown`.
/// Over Gloo and MPI, also about two seconds after mismatched collective calls, with the calls of two ranks. After a
/// failure, every collective throws immediately. If an exception destroys the last copy of a group, the group fails on
/// all ranks.
class ProcessGroup {
  struct Members;

 public:
  explicit ProcessGroup(detail::Connection connection);
  using Milliseconds = std::chrono::milliseconds;

  ProcessGroup(const ProcessGroup&) = default;  // instead of a move, which would leave a null group
  ProcessGroup& operator=(const ProcessGroup&) = default;

  /// A pending collective.
  class Pending {
   public:
    /// Waits until it completes. Later calls are no-ops.
    void wait();

   private:
    friend ProcessGroup;
    Pending(std::shared_ptr<Members> members, std::string_view what) : members_(std::move(members)), what_(what) {}

    std::shared_ptr<Members> members_;
    c10::intrusive_ptr<c10d::Work> work_;
    std::string_view what_;
  };

  [[nodiscard]] int rank() const { return members_->rank; }
  /// Returns the number of processes of the group.
  [[nodiscard]] int world_size() const { return members_->world_size; }
  [[nodiscard]] at::Device device() const { return members_->device; }
  [[nodiscard]] Milliseconds timeout() const { return members_->timeout; }
  /// Returns the group for numbers of the host: this one, or for a group between GPUs the one over which it was formed.
  /// It avoids host synchronization.
  [[nodiscard]] ProcessGroup on_host() const { return members_->host ? ProcessGroup(members_->host) : *this; }
  /// Returns LibTorch's process group; null for one process.
  [[nodiscard]] const c10::intrusive_ptr<c10d::ProcessGroup>& handle() const { return members_->group; }
  /// Returns the store of the rendezvous; null for one process.
  [[nodiscard]] const c10::intrusive_ptr<c10d::Store>& store() const { return members_->store; }

  /// Reduces `values` over all ranks, in place, on every rank. **Shapes** the same on all ranks.
  void all_reduce(const at::Tensor& values, Reduction how = Reduction::sum, std::string_view what = "all-reduce") const;
  /// Starts the same asynchronously. `values` must be on the group's device; do not access them until `wait` returns.
  [[nodiscard]] Pending begin_all_reduce(const at::Tensor& values, Reduction how, std::string_view what) const;
  /// Copies `values` of `root` to all ranks, in place.
  void broadcast(const at::Tensor& values, int root = 0, std::string_view what = "broadcast") const;
  /// Starts the same asynchronously. Do not access `values` until `wait` returns.
  [[nodiscard]] Pending begin_broadcast(const at::Tensor& values, int root, std::string_view what) const;
  /// Starts to sum `values` of all ranks on `root`, asynchronously. On non-root ranks they are undefined afterwards.
  [[nodiscard]] Pending begin_reduce(const at::Tensor& values, int root, std::string_view what) const;
  /// Returns the values of all ranks, in rank order, on every rank (an all-gather). **Shapes** may differ between ranks
  /// in the first dimension, which may be 0.
  ///
  /// **Errors** `DistributedError` on every rank when further dimensions or the types differ.
  [[nodiscard]] std::vector<at::Tensor> all_gather(const at::Tensor& values,
                                                   std::string_view what = "all-gather") const;
  /// Returns one number per rank, in rank order, on every rank.
  [[nodiscard]] std::vector<std::int64_t> all_gather_int64(std::int64_t number,
                                                           std::string_view what = "all-gather") const;
  /// Returns one string per rank, in rank order, on every rank.
  [[nodiscard]] std::vector<std::string> all_gather_strings(std::string_view text,
                                                            std::string_view what = "all-gather") const;
  /// Returns once every rank has called it.
  void barrier(std::string_view what = "barrier") const { static_cast<void>(all_gather_int64(0, what)); }

  /// Publishes why this rank leaves, and closes its connections, so that no rank waits for it. Not collective.
  void fail(std::string_view reason) const noexcept { members_->fail(reason); }
  /// Leaves the group: waits until all ranks call it, then closes the connections. Without it, the destructor of the
  /// last copy closes the group. Rank 0 then waits up to 2 s for its peers; no other rank waits for its peers.
  void shutdown() const;

  /// Throws a `DistributedError` that explains an error of this group's backend, and closes the group.
  [[noreturn]] void explain(std::string_view what, const std::exception& error) const {
    members_->explain(what, error);
  }
  /// Returns `explain` as a callback that does not keep the group open. It is a no-op once the group has been
  /// destroyed.
  [[nodiscard]] std::function<void(std::string_view, const std::exception&)> explainer() const;
  /// Returns whether the group was closed, by a failure or by `shutdown`.
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
    std::unique_ptr<FailureDetector> failures = {};
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
    /// Closes the group. After a failure, also aborts pending collectives, even if other objects share the backend.
    void close(std::string_view reason, bool has_failed) noexcept;
    /// Destroys an interruptible backend in a detached thread, because its destructor may block on a message that never
    /// arrives. Other owners of LibTorch's process group lose the backend too.
    void abandon_backend() noexcept;
    void abort() noexcept;
    [[noreturn]] void explain(std::string_view what, const std::exception& error);
    [[noreturn]] void refuse(std::string_view what) const;
    /// Returns the first line of a LibTorch error without its source location. Later lines are a stack trace.
    [[nodiscard]] static std::string shortened(std::string_view text);
  };

  explicit ProcessGroup(std::shared_ptr<Members> members) : members_(std::move(members)) {}
  template <class F>
  void on_device(const at::Tensor& values, F&& use) const;
  /// Returns the size of each rank's `rows` in the first dimension.
  [[nodiscard]] std::vector<std::int64_t> row_counts(const at::Tensor& rows, std::string_view what) const;
  [[nodiscard]] std::vector<at::Tensor> all_gather_same_shape(at::Tensor values, std::string_view what) const;
  template <class F>
  [[nodiscard]] Pending begin(std::string_view what, F&& start) const;

  std::shared_ptr<Members> members_;
};

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/distributed/process_group.ipp"
#endif
