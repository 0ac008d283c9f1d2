// SPDX-License-Identifier: Apache-2.0
/// A backend for LibTorch's collectives over MPI, for CPU tensors.
///
/// LibTorch's sources contain such a backend, but its published libraries do not. This one is compiled with the
/// program, against the program's MPI.
///
/// | supported | not supported |
/// |---|---|
/// | broadcast, all-reduce, reduce, all-gather, reduce-scatter, barrier | point-to-point messages, all-to-all |
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <utility>
#include <vector>

#include "hone/distributed/collective_log.hpp"
#include "hone/distributed/mpi_library.hpp"
#include "hone/distributed/mpi_reduction.hpp"
#include "hone/distributed/mpi_tensors.hpp"
#include "hone/distributed/mpi_worker.hpp"

namespace hone {

/// Options of `MpiBackend`.
struct MpiBackendOptions {
  std::chrono::milliseconds timeout = std::chrono::minutes(5);  ///< Of a collective, from its submission.
  /// Elements (bytes, if nothing is reduced) in one MPI call. Larger tensors are sent in up to 64 concurrent parts
  /// (more if `max_count` requires it). Without parts, MPI sends 26 MB between two processes several times slower.
  std::int64_t part = 1 << 18;
  /// The limit of elements in one MPI call, which counts them in an `int`.
  std::int64_t max_count = std::numeric_limits<int>::max();
  /// Called four times a second while a collective is pending. Returns a reason to cancel it, if there is one.
  detail::MpiWorker::Interruption interruption = {};
};

/// Asynchronous collectives over MPI.
///
/// **Shapes** as in `c10d::Backend`. Tensors that are not contiguous are sent from a copy.
/// **Units** a mean (`AVG`) divides before it sums, as for gradients.
/// **Cost** no copy of contiguous tensors, except in an all-gather into a list of tensors, in a reduce-scatter of a
/// mean, and where input and output share memory.
/// **Errors** `std::invalid_argument` from the call for tensors that MPI does not support. Any other error completes
/// the Work and its future with a `DistributedError`: an MPI call failed, `timeout` elapsed, or `interruption` returned
/// a reason. The group is then broken, and each later collective fails with the same error.
class MpiBackend final : public c10d::Backend {
 public:
  /// Takes ownership of a communicator. Collective. Construct and destroy backends in one thread at a time.
  explicit MpiBackend(MpiCommunicator communicator, MpiBackendOptions options = {})
      : Backend(communicator.rank(), communicator.size()),
        communicators_(duplicates(std::move(communicator))),
        options_(std::move(options)),
        worker_(rank_, size_, options_.interruption) {
    if (options_.max_count < 1 || options_.max_count > std::numeric_limits<int>::max()) {
      throw std::invalid_argument(
          format_message("max_count is {}. Set it to a number from 1 to 2147483647.", {options_.max_count}));
    }
    if (options_.part < 1)
      throw std::invalid_argument(format_message("part is {}. Set it to 1 or greater.", {options_.part}));
    if (options_.timeout.count() <= 0)
      throw std::invalid_argument("The timeout is not greater than 0. Set it to 1 ms or more.");
  }
  /// Fails the pending collectives, without waiting for other ranks.
  ~MpiBackend() override {
    worker_.abort("The group was closed.");
    MpiBackend::shutdown();
  }

  const std::string getBackendName() const override { return "mpi"; }
  /// Returns the record of the collective calls of this rank.
  [[nodiscard]] const std::shared_ptr<detail::CollectiveLog>& collectives() const { return collectives_; }
  void setTimeout(std::chrono::milliseconds timeout) override { options_.timeout = timeout; }

  /// Fails the pending collectives with a `DistributedError`. Does not notify other ranks.
  void abort() override { worker_.abort("The group was aborted."); }
  /// Waits for the pending collectives. Afterwards the backend does not call MPI.
  void shutdown() override {
    worker_.stop();
    if (!worker_.has_lost_requests()) return;
    for (auto& communicator : communicators_) communicator.abandon();
  }

  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor>& tensors,
                                           const c10d::BroadcastOptions& options) override {
    const auto tensor = detail::only(tensors, "broadcast");
    const auto dense = detail::densely(tensor);
    const int root = checked_root(options.rootRank, "broadcast");
    return submit(
        c10d::OpType::BROADCAST, "broadcast", options.timeout, {tensor},
        [this, dense, root](Requests& requests) {
          in_parts(dense.nbytes(), [&](std::int64_t first, int count) {
            detail::check_mpi(MPI_Ibcast(detail::byte(dense, first), count, MPI_BYTE, root, mpi(broadcasts),
                                         &requests.emplace_back()),
                              "MPI_Ibcast");
          });
        },
        [dense, tensor] { detail::detach_process_group(dense, tensor); });
  }

  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>& tensors,
                                           const c10d::AllreduceOptions& options) override {
    const auto tensor = detail::only(tensors, "all-reduce");
    const auto type = detail::MpiReduction::type(tensor.scalar_type());
    const auto operation = reduction_.operation(tensor.scalar_type(), options.reduceOp);
    const auto dense = detail::densely(tensor);
    divide_for_mean(dense, options.reduceOp);
    return submit(
        c10d::OpType::ALLREDUCE, "all-reduce", options.timeout, {tensor},
        [this, dense, type, operation](Requests& requests) {
          in_parts(dense.numel(), [&](std::int64_t first, int count) {
            detail::check_mpi(MPI_Iallreduce(MPI_IN_PLACE, detail::element(dense, first), count, type, operation,
                                             mpi(all_reduces), &requests.emplace_back()),
                              "MPI_Iallreduce");
          });
        },
        [dense, tensor] { detail::detach_process_group(dense, tensor); });
  }

  /// Leaves the tensors of non-root ranks unchanged, except that a mean divides contiguous ones in place.
  c10::intrusive_ptr<c10d::Work> reduce(std::vector<at::Tensor>& tensors, const c10d::ReduceOptions& options) override {
    const auto tensor = detail::only(tensors, "reduce");
    const auto type = detail::MpiReduction::type(tensor.scalar_type());
    const auto operation = reduction_.operation(tensor.scalar_type(), options.reduceOp);
    const int root = checked_root(options.rootRank, "reduce");
    const auto dense = detail::densely(tensor);
    divide_for_mean(dense, options.reduceOp);
    return submit(
        c10d::OpType::REDUCE, "reduce", options.timeout, {tensor},
        [this, dense, type, operation, root](Requests& requests) {
          in_parts(dense.numel(), [&](std::int64_t first, int count) {
            ireduce(dense, first, dense, first, count, type, operation, root, reduces, requests);
          });
        },
        [this, dense, tensor, root] {
          if (rank_ == root) detail::detach_process_group(dense, tensor);
        });
  }

  c10::intrusive_ptr<c10d::Work> allgather(std::vector<std::vector<at::Tensor>>& outputs,
                                           std::vector<at::Tensor>& inputs,
                                           const c10d::AllgatherOptions& options) override {
    const auto input = detail::densely(detail::only(inputs, "all-gather"));
    if (outputs.size() != 1 || outputs[0].size() != static_cast<std::size_t>(size_)) {
      throw std::invalid_argument(
          format_message("all-gather needs one output tensor for each of the {} ranks.", {size_}));
    }
    for (const auto& output : outputs[0]) detail::check_same(output, input, 1, "all-gather");
    auto all = at::empty({size_, input.numel()}, input.options());
    return submit(
        c10d::OpType::ALLGATHER, "all-gather", options.timeout, outputs[0],
        [this, input, all](Requests& requests) { iallgather(input, all, requests); },
        [all, parts = outputs[0]] {
          for (std::size_t i = 0; i < parts.size(); ++i) {
            const auto part = all.select(0, static_cast<std::int64_t>(i));
            if (!parts[i].is_contiguous() || parts[i].is_neg() || parts[i].is_conj()) {
              parts[i].copy_(part.view(parts[i].sizes()));
            } else if (part.numel() != 0) {
              std::memcpy(parts[i].data_ptr(), part.data_ptr(), part.nbytes());
            }
          }
        });
  }

  c10::intrusive_ptr<c10d::Work> _allgather_base(at::Tensor& output, at::Tensor& input,
                                                 const c10d::AllgatherOptions& options) override {
    detail::check_cpu(input, "all-gather");
    detail::check_same(output, input, size_, "all-gather");
    const auto dense = detail::densely(output);
    auto from = detail::densely(input);
    if (from.is_alias_of(dense) && from.data_ptr() != detail::element(dense, rank_ * from.numel())) from = from.clone();
    return submit(
        c10d::OpType::_ALLGATHER_BASE, "all-gather", options.timeout, {output},
        [this, from, dense](Requests& requests) { iallgather(from, dense, requests); },
        [dense, to = output] { detail::detach_process_group(dense, to); });
  }

  /// Reduces the blocks of `input`, and gives each rank one of them.
  /// **Shapes** input: world_size blocks of the output's size. Rank r's output is block r, reduced over all ranks.
  c10::intrusive_ptr<c10d::Work> _reduce_scatter_base(at::Tensor& output, at::Tensor& input,
                                                      const c10d::ReduceScatterOptions& options) override {
    detail::check_cpu(output, "reduce-scatter");
    detail::check_same(input, output, size_, "reduce-scatter");
    const auto type = detail::MpiReduction::type(input.scalar_type());
    const auto operation = reduction_.operation(input.scalar_type(), options.reduceOp);
    const auto dense =
        output.is_alias_of(input) ? at::empty(output.sizes(), output.options()) : detail::densely(output);
    const bool is_mean = options.reduceOp.op_ == c10d::ReduceOp::AVG;
    const auto from = is_mean ? input.detach().div(size_).contiguous() : detail::densely(input);
    return submit(
        c10d::OpType::_REDUCE_SCATTER_BASE, "reduce-scatter", options.timeout, {output},
        [this, from, dense, type, operation](Requests& requests) {
          const auto block = dense.numel();
          if (block != 0 && block <= options_.max_count) {
            detail::check_mpi(
                MPI_Ireduce_scatter_block(from.data_ptr(), dense.data_ptr(), static_cast<int>(block), type, operation,
                                          mpi(reduce_scatters), &requests.emplace_back()),
                "MPI_Ireduce_scatter_block");
            return;
          }
          // MPI_Ireduce_scatter_block cannot reduce a part of each block; reductions to one rank after another can.
          for (int root = 0; root < size_; ++root) {
            in_parts(block, [&](std::int64_t first, int count) {
              ireduce(from, root * block + first, dense, first, count, type, operation, root, reduce_scatters,
                      requests);
            });
          }
        },
        [dense, to = output] { detail::detach_process_group(dense, to); });
  }

  c10::intrusive_ptr<c10d::Work> barrier(const c10d::BarrierOptions& options) override {
    return submit(
        c10d::OpType::BARRIER, "barrier", options.timeout, {},
        [this](Requests& requests) {
          detail::check_mpi(MPI_Ibarrier(mpi(barriers), &requests.emplace_back()), "MPI_Ibarrier");
        },
        [] {});
  }

 private:
  using Requests = std::vector<MPI_Request>;

  template <class Begin, class End>
  c10::intrusive_ptr<c10d::Work> submit(c10d::OpType type, const char* name, std::chrono::milliseconds timeout,
                                        std::vector<at::Tensor> outputs, Begin begin, End end) {
    std::int64_t size = 0;
    for (const auto& output : outputs) size += output.numel();
    collectives_->begin(name, size, outputs.empty() ? at::kByte : outputs[0].scalar_type());
    auto work = c10::make_intrusive<detail::MpiWork>(type, std::move(outputs));
    worker_.submit({name, size, timeout.count() > 0 ? timeout : options_.timeout, work, std::move(begin),
                    [end = std::move(end), calls = collectives_] {
                      end();
                      calls->end();
                    }});
    return work;
  }

  /// The kinds of collectives, each with a separate communicator. On a shared communicator, mismatched calls would
  /// receive each other's messages: MPI aborts the program when a message is too long, and accepts any other message.
  /// On separate communicators they block, and the log of calls identifies them.
  enum Kind : std::size_t { broadcasts, all_reduces, reduces, all_gathers, reduce_scatters, barriers, num_kinds };
  static std::vector<MpiCommunicator> duplicates(MpiCommunicator first) {
    std::vector<MpiCommunicator> all;
    all.reserve(num_kinds);
    all.push_back(std::move(first));
    while (all.size() < num_kinds) all.emplace_back(all[0].handle());
    return all;
  }
  [[nodiscard]] MPI_Comm mpi(Kind kind) const { return communicators_[kind].handle(); }

  /// Calls `call(first, count)` for each part of `size` elements.
  template <class Size, class Call>
  void in_parts(Size size, Call call) const {
    const auto all = static_cast<std::int64_t>(size);
    const auto part = std::min(std::max(options_.part, (all + 63) / 64), options_.max_count);
    for (std::int64_t first = 0; first < all; first += part) call(first, static_cast<int>(std::min(part, all - first)));
  }
  void ireduce(const at::Tensor& from, std::int64_t from_at, const at::Tensor& to, std::int64_t to_at, int count,
               MPI_Datatype type, MPI_Op operation, int root, Kind kind, Requests& requests) const {
    const bool is_in_place = rank_ == root && from.is_same(to);
    detail::check_mpi(MPI_Ireduce(is_in_place ? MPI_IN_PLACE : detail::element(from, from_at),
                                  rank_ == root ? detail::element(to, to_at) : nullptr, count, type, operation, root,
                                  mpi(kind), &requests.emplace_back()),
                      "MPI_Ireduce");
  }

  /// Gathers `input` of each rank in its block of `all`, in parts. A part is received as one element of a strided
  /// datatype, whose extent is the length of a block.
  void iallgather(const at::Tensor& input, const at::Tensor& all, Requests& requests) const {
    const auto block = static_cast<std::int64_t>(input.nbytes());
    const bool is_in_place = input.data_ptr() == detail::byte(all, rank_ * block);
    in_parts(block, [&](std::int64_t first, int count) {
      if (count == block) {
        detail::check_mpi(MPI_Iallgather(is_in_place ? MPI_IN_PLACE : input.data_ptr(), count, MPI_BYTE, all.data_ptr(),
                                         count, MPI_BYTE, mpi(all_gathers), &requests.emplace_back()),
                          "MPI_Iallgather");
        return;
      }
      const detail::MpiStridedBytes strided(count, block);
      detail::check_mpi(
          MPI_Iallgather(is_in_place ? MPI_IN_PLACE : detail::byte(input, first), count, MPI_BYTE,
                         detail::byte(all, first), 1, strided.type(), mpi(all_gathers), &requests.emplace_back()),
          "MPI_Iallgather");
    });
  }

  int checked_root(std::int64_t root, const char* collective) const {
    if (root >= 0 && root < size_) return static_cast<int>(root);
    throw std::invalid_argument(
        format_message("{} with root rank {}: the group has {} ranks.", {collective, root, size_}));
  }

  void divide_for_mean(const at::Tensor& tensor, const c10d::ReduceOp& reduction) const {
    if (reduction.op_ != c10d::ReduceOp::AVG) return;
    const at::NoGradGuard no_grad;
    tensor.div_(size_);
  }

  std::vector<MpiCommunicator> communicators_;
  std::shared_ptr<detail::CollectiveLog> collectives_ = std::make_shared<detail::CollectiveLog>();
  MpiBackendOptions options_;
  detail::MpiReduction reduction_;
  detail::MpiWorker worker_;  // last: its thread uses all of the above
};

}  // namespace hone
