// SPDX-License-Identifier: Apache-2.0
/// What all communicators share: collectives on tensors over LibTorch's process groups, and what becomes of them when a
/// process fails.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/sentence.hpp"
#include "hone/distributed/collective_log.hpp"
#include "hone/distributed/communicator.hpp"
#include "hone/distributed/failures.hpp"
#include "hone/distributed/require_agreement.hpp"

namespace hone {

/// A group of processes; see `Communicator`. With one process nothing is ever exchanged.
///
/// Tensors may be anywhere: those that the group cannot send go through its own device.
/// **Errors** `DistributedError` from every collective when a process fails, does not come within the time-out, or the
/// group was shut down; over Gloo and MPI, also about two seconds after processes have made different collective calls, with
/// what each of two ranks called. The collectives of a group that failed fail at once. A group of which the last copy goes because
/// of an exception has failed, and the others are told.
class ProcessGroup {
 protected:
  struct Members;

 public:
  using Milliseconds = std::chrono::milliseconds;

  ProcessGroup(const ProcessGroup&) = default;  // there is no move: what was moved from could not even say its rank
  ProcessGroup& operator=(const ProcessGroup&) = default;

  /// A collective under way.
  class Pending {
   public:
    /// Waits until it is done.
    void wait() {
      if (!work_) return;
      try {
        std::exchange(work_, nullptr)->wait();
      } catch (const std::exception& error) {
        members_->explain(what_, error);
      }
    }

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
  /// The group for numbers of the host's: this one, or, of a group between GPUs, the one over which it was formed. So no
  /// host waits for its GPU to agree with the others.
  [[nodiscard]] ProcessGroup on_host() const { return members_->host ? ProcessGroup(members_->host) : *this; }
  /// LibTorch's own object, null for one process.
  [[nodiscard]] const c10::intrusive_ptr<c10d::ProcessGroup>& handle() const { return members_->group; }
  /// The store over which the group was formed, null for one process.
  [[nodiscard]] const c10::intrusive_ptr<c10d::Store>& store() const { return members_->store; }

  /// Makes `values` in every process the reduction over all. In place. **Shapes** the same in all processes.
  void all_reduce(const at::Tensor& values, Reduction how = Reduction::sum, std::string_view what = "all-reduce") const {
    if (world_size() == 1) return;
    on_device(values, [&](at::Tensor& here) { begin_all_reduce(here, how, what).wait(); });
  }
  /// The same, under way: `values`, on the group's device, are not to be touched until the wait is over.
  [[nodiscard]] Pending begin_all_reduce(const at::Tensor& values, Reduction how, std::string_view what) const {
    return begin(what, [&](c10d::ProcessGroup& group) {
      std::vector<at::Tensor> tensors{values};
      c10d::AllreduceOptions options;
      options.reduceOp = how == Reduction::sum   ? c10d::ReduceOp::SUM
                         : how == Reduction::max ? c10d::ReduceOp::MAX
                                                 : c10d::ReduceOp::MIN;
      return group.allreduce(tensors, options);
    });
  }
  /// Makes `values` in every process those of `root`. In place.
  void broadcast(const at::Tensor& values, int root = 0, std::string_view what = "broadcast") const {
    if (world_size() == 1) return;
    on_device(values, [&](at::Tensor& here) { begin_broadcast(here, root, what).wait(); });
  }
  [[nodiscard]] Pending begin_broadcast(const at::Tensor& values, int root, std::string_view what) const {
    return begin(what, [&](c10d::ProcessGroup& group) {
      std::vector<at::Tensor> tensors{values};
      c10d::BroadcastOptions options;
      options.rootRank = root;
      return group.broadcast(tensors, options);
    });
  }
  /// Adds the values of all processes up in `root`; those elsewhere are undefined afterwards.
  [[nodiscard]] Pending begin_reduce(const at::Tensor& values, int root, std::string_view what) const {
    return begin(what, [&](c10d::ProcessGroup& group) {
      std::vector<at::Tensor> tensors{values};
      c10d::ReduceOptions options;
      options.rootRank = root;
      return group.reduce(tensors, options);
    });
  }
  /// The values of all processes, in the order of ranks, in every process. **Shapes** those of a process may differ from
  /// the others' in the first dimension, which may be 0.
  ///
  /// **Errors** `DistributedError` in every process when they differ elsewhere, or in type.
  [[nodiscard]] std::vector<at::Tensor> gather(const at::Tensor& values, std::string_view what = "gather") const {
    if (world_size() == 1) return {values};
    const at::Tensor rows = (values.dim() == 0 ? values.reshape({1}) : values).detach().contiguous();
    const auto counts = row_counts(rows, what);
    auto shape = rows.sizes().vec();
    shape[0] = *std::max_element(counts.begin(), counts.end());
    if (shape[0] == 0) return std::vector<at::Tensor>(counts.size(), values.detach());
    at::Tensor padded = at::zeros(shape, rows.options().device(device()));
    padded.narrow(0, 0, rows.size(0)).copy_(rows);
    std::vector<at::Tensor> all = all_gather(padded, what);
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      all[rank] = all[rank].narrow(0, 0, counts[rank]).to(values.device());
      if (values.dim() == 0) all[rank] = all[rank].reshape({});
    }
    return all;
  }
  /// One number of each process, in the order of ranks.
  [[nodiscard]] std::vector<std::int64_t> gather_numbers(std::int64_t number, std::string_view what = "gather") const {
    if (world_size() == 1) return {number};
    std::vector<std::int64_t> numbers;
    for (const auto& one : all_gather(at::full({1}, number, at::TensorOptions(at::kLong).device(device())), what)) {
      numbers.push_back(one.item<std::int64_t>());
    }
    return numbers;
  }
  /// A text of each process, in the order of ranks.
  [[nodiscard]] std::vector<std::string> gather_texts(std::string_view text, std::string_view what = "gather") const {
    if (world_size() == 1) return {std::string(text)};
    at::Tensor bytes = at::zeros({static_cast<std::int64_t>(text.size())}, at::kByte);
    std::copy(text.begin(), text.end(), static_cast<char*>(bytes.mutable_data_ptr()));
    std::vector<std::string> texts;
    for (const auto& one : gather(bytes, what)) {
      texts.emplace_back(static_cast<const char*>(one.const_data_ptr()), static_cast<std::size_t>(one.numel()));
    }
    return texts;
  }
  /// Returns when every process has called it.
  void barrier(std::string_view what = "barrier") const { static_cast<void>(gather_numbers(0, what)); }

  /// Tells the others why this process leaves, and closes its connections, so that they need not wait for it. Not
  /// collective.
  void fail(std::string_view reason) const noexcept { members_->fail(reason); }
  /// Leaves the group in order: waits until all processes do so, then closes the connections. Without it, a group is
  /// closed when the last copy of it goes, and nobody is waited for.
  void shutdown() const {
    if (members_->group) barrier("shutdown");
    members_->close("It was shut down.", /*has_failed=*/false);
  }

  /// Throws what is to be said of an error of the group's that came out of somebody else's code.
  [[noreturn]] void explain(std::string_view what, const std::exception& error) const { members_->explain(what, error); }
  /// The same for who is not to keep the group open; it does nothing once the group is gone.
  [[nodiscard]] std::function<void(std::string_view, const std::exception&)> explainer() const {
    return [members = std::weak_ptr(members_)](std::string_view what, const std::exception& error) {
      if (const auto group = members.lock()) group->explain(what, error);
    };
  }
  /// True when the group was closed, by a failure or by `shutdown`.
  [[nodiscard]] bool is_closed() const { return members_->is_closed; }

 protected:
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
    bool is_closed = false;
    std::string closed_because = {};
    int exceptions = std::uncaught_exceptions();

    Members() = default;
    Members(const Members&) = delete;
    Members& operator=(const Members&) = delete;
    ~Members() {
      if (std::uncaught_exceptions() > exceptions) fail("An exception that was not told ended its group.");
      close("It ended.", /*has_failed=*/false);
    }

    void fail(std::string_view reason) noexcept {
      if (is_closed) return;
      if (failures) failures->publish(reason);
      if (host) host->fail(reason);
      close(reason, /*has_failed=*/true);
    }
    /// What is under way when the group has failed ends now, here and elsewhere, whoever else has a hold of the group.
    void close(std::string_view reason, bool has_failed) noexcept {
      if (std::exchange(is_closed, true)) return;
      try {
        closed_because = reason.substr(0, reason.find('\n'));
      } catch (...) {  // no memory
      }
      if (has_failed) abort();
      if (failures) failures->leave();
      if (has_failed) bury();
      interruptible.reset();
      group.reset();
      store.reset();
    }
    /// A backend that waits for a message, which is never to come, must hold nobody up: neither here nor where somebody
    /// else has a hold of the group.
    void bury() noexcept {
      if (!interruptible) return;
      try {
        group->release_resources();
        std::thread([backend = std::move(interruptible)]() mutable { backend.reset(); }).detach();
      } catch (...) {  // then here
      }
    }
    void abort() noexcept {
      try {
        if (group) group->abort();
      } catch (...) {  // it is gone already
      }
    }
    [[noreturn]] void explain(std::string_view what, const std::exception& error) {
      if (is_closed) refuse(what);
      abort();  // first, so that all come to look for the reason
      const std::string text = failures ? failures->explain(what, shortened(error.what())) : shortened(error.what());
      close(text, /*has_failed=*/true);
      throw DistributedError(text);
    }
    [[noreturn]] void refuse(std::string_view what) const {
      throw DistributedError(sentence("Rank {} of {}: the {} was asked of a group that is closed. {}",
                                      {rank, world_size, what, closed_because}));
    }
    /// The first line of an error of LibTorch's, without the place in its sources; the rest is a stack of calls.
    [[nodiscard]] static std::string shortened(std::string_view text) {
      text = text.substr(0, text.find('\n'));
      if (const auto end = text.find("] "); text.starts_with('[') && end != text.npos) text.remove_prefix(end + 2);
      return std::string(text);
    }
  };

  ProcessGroup() : members_(std::make_shared<Members>()) {}
  explicit ProcessGroup(std::shared_ptr<Members> members) : members_(std::move(members)) {}
  [[nodiscard]] Members& members() { return *members_; }
  void keep_for_host(const ProcessGroup& over) { members_->host = over.members_; }

  /// The group works from here on: `backend` is what LibTorch sends with, `store` how its processes found each other.
  /// `interrupt` lets go whoever waits for the backend, which may end in peace then. `collectives` are the backend's calls.
  void open(c10::intrusive_ptr<c10d::Store> store, c10::intrusive_ptr<c10d::Backend> backend,
            c10d::ProcessGroup::BackendType type, std::function<void()> interrupt = {},
            std::shared_ptr<detail::CollectiveLog> collectives = {}) {
    members_->group = c10::make_intrusive<c10d::ProcessGroup>(store, rank(), world_size());
    members_->group->setDefaultBackend(type);
    members_->group->setBackend(device().type(), type, backend);
    members_->store = std::move(store);
    if (interrupt) members_->interruptible = std::move(backend);
    members_->failures =
        std::make_unique<Failures>(members_->store, rank(), world_size(), timeout(), std::move(interrupt),
                                   std::move(collectives));
  }

 private:
  template <class F>
  void on_device(const at::Tensor& values, F&& use) const {
    at::Tensor here = values.detach().resolve_conj().resolve_neg();
    if (here.device() != device() || !here.is_contiguous()) here = here.to(device()).contiguous();
    use(here);
    if (here.data_ptr() != values.data_ptr()) values.detach().copy_(here);
  }

  /// The length of each process's values in the first dimension.
  [[nodiscard]] std::vector<std::int64_t> row_counts(const at::Tensor& rows, std::string_view what) const {
    std::string shape = std::string(c10::toString(rows.scalar_type())) + " [*";
    for (std::int64_t i = 1; i < rows.dim(); ++i) shape += ", " + std::to_string(rows.size(i));
    shape += "]";
    const auto print = detail::fingerprint(shape);
    at::Tensor own = at::full({2}, rows.size(0), at::kLong);
    static_cast<std::int64_t*>(own.mutable_data_ptr())[1] = print;
    std::vector<std::int64_t> counts;
    bool is_same = true;
    for (const auto& theirs : all_gather(own.to(device()), what)) {
      const at::Tensor here = theirs.cpu();
      const auto* const numbers = static_cast<const std::int64_t*>(here.const_data_ptr());
      counts.push_back(numbers[0]);
      is_same = is_same && numbers[1] == print;
    }
    if (!is_same) {
      require_agreement(*this, sentence("shapes in the {}", {what}), shape, "They may differ in the first dimension only.");
    }
    return counts;
  }

  [[nodiscard]] std::vector<at::Tensor> all_gather(at::Tensor values, std::string_view what) const {
    std::vector<std::vector<at::Tensor>> all(1);
    for (int rank = 0; rank < world_size(); ++rank) all[0].push_back(at::empty_like(values));
    begin(what, [&](c10d::ProcessGroup& group) {
      std::vector<at::Tensor> tensors{std::move(values)};
      return group.allgather(all, tensors);
    }).wait();
    return std::move(all[0]);
  }

  template <class F>
  [[nodiscard]] Pending begin(std::string_view what, F&& start) const {
    Pending pending(members_, what);
    if (!members_->group) members_->refuse(what);
    const detail::CollectivePurpose purpose(what);
    try {
      pending.work_ = start(*members_->group);
    } catch (const std::exception& error) {
      explain(what, error);
    }
    return pending;
  }
  std::shared_ptr<Members> members_;
};

}  // namespace hone
