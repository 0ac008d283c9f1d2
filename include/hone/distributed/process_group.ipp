// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "hone/core/config.hpp"
#include "hone/core/error.hpp"
#include "hone/core/fnv1a.hpp"
#include "hone/core/format_message.hpp"
#include "hone/distributed/process_group.hpp"
#include "hone/distributed/require_agreement.hpp"

namespace hone {

template <class F>
void ProcessGroup::on_device(const at::Tensor& values, F&& use) const {
  at::Tensor here = values.detach().resolve_conj().resolve_neg();
  if (here.device() != device() || !here.is_contiguous()) here = here.to(device()).contiguous();
  use(here);
  if (here.data_ptr() != values.data_ptr()) values.detach().copy_(here);
}

template <class F>
ProcessGroup::Pending ProcessGroup::begin(std::string_view what, F&& start) const {
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

HONE_INLINE void ProcessGroup::all_reduce(const at::Tensor& values, Reduction how, std::string_view what) const {
  if (world_size() == 1) return;
  on_device(values, [&](at::Tensor& here) { begin_all_reduce(here, how, what).wait(); });
}

HONE_INLINE ProcessGroup::Pending ProcessGroup::begin_all_reduce(const at::Tensor& values, Reduction how,
                                                                 std::string_view what) const {
  return begin(what, [&](c10d::ProcessGroup& group) {
    std::vector<at::Tensor> tensors{values};
    c10d::AllreduceOptions options;
    options.reduceOp = how == Reduction::sum   ? c10d::ReduceOp::SUM
                       : how == Reduction::max ? c10d::ReduceOp::MAX
                                               : c10d::ReduceOp::MIN;
    return group.allreduce(tensors, options);
  });
}

HONE_INLINE void ProcessGroup::broadcast(const at::Tensor& values, int root, std::string_view what) const {
  if (world_size() == 1) return;
  on_device(values, [&](at::Tensor& here) { begin_broadcast(here, root, what).wait(); });
}

HONE_INLINE ProcessGroup::Pending ProcessGroup::begin_broadcast(const at::Tensor& values, int root,
                                                                std::string_view what) const {
  return begin(what, [&](c10d::ProcessGroup& group) {
    std::vector<at::Tensor> tensors{values};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return group.broadcast(tensors, options);
  });
}

HONE_INLINE ProcessGroup::Pending ProcessGroup::begin_reduce(const at::Tensor& values, int root,
                                                             std::string_view what) const {
  return begin(what, [&](c10d::ProcessGroup& group) {
    std::vector<at::Tensor> tensors{values};
    c10d::ReduceOptions options;
    options.rootRank = root;
    return group.reduce(tensors, options);
  });
}

HONE_INLINE std::vector<at::Tensor> ProcessGroup::all_gather(const at::Tensor& values, std::string_view what) const {
  if (world_size() == 1) return {values};
  const at::Tensor rows = (values.dim() == 0 ? values.reshape({1}) : values).detach().contiguous();
  const auto counts = row_counts(rows, what);
  auto shape = rows.sizes().vec();
  shape[0] = *std::max_element(counts.begin(), counts.end());
  if (shape[0] == 0) return std::vector<at::Tensor>(counts.size(), values.detach());
  at::Tensor padded = at::zeros(shape, rows.options().device(device()));
  padded.narrow(0, 0, rows.size(0)).copy_(rows);
  std::vector<at::Tensor> all = all_gather_same_shape(padded, what);
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    all[rank] = all[rank].narrow(0, 0, counts[rank]).to(values.device());
    if (values.dim() == 0) all[rank] = all[rank].reshape({});
  }
  return all;
}

HONE_INLINE std::vector<std::int64_t> ProcessGroup::all_gather_int64(std::int64_t number, std::string_view what) const {
  if (world_size() == 1) return {number};
  std::vector<std::int64_t> numbers;
  for (const auto& one :
       all_gather_same_shape(at::full({1}, number, at::TensorOptions(at::kLong).device(device())), what)) {
    numbers.push_back(one.item<std::int64_t>());
  }
  return numbers;
}

HONE_INLINE std::vector<std::string> ProcessGroup::all_gather_strings(std::string_view text,
                                                                      std::string_view what) const {
  if (world_size() == 1) return {std::string(text)};
  at::Tensor bytes = at::zeros({static_cast<std::int64_t>(text.size())}, at::kByte);
  std::copy(text.begin(), text.end(), static_cast<char*>(bytes.mutable_data_ptr()));
  std::vector<std::string> texts;
  for (const auto& one : all_gather(bytes, what)) {
    texts.emplace_back(static_cast<const char*>(one.const_data_ptr()), static_cast<std::size_t>(one.numel()));
  }
  return texts;
}

HONE_INLINE void ProcessGroup::shutdown() const {
  if (members_->group) barrier("shutdown");
  members_->close("It was shut down.", /*has_failed=*/false);
  if (const auto after = std::exchange(members_->after_shutdown, nullptr)) after();
}

HONE_INLINE std::function<void(std::string_view, const std::exception&)> ProcessGroup::explainer() const {
  return [members = std::weak_ptr(members_)](std::string_view what, const std::exception& error) {
    if (const auto group = members.lock()) group->explain(what, error);
  };
}

HONE_INLINE ProcessGroup::Members::~Members() {
  if (std::uncaught_exceptions() > exceptions) fail("An exception outside a run destroyed the process group.");
  close("It was destroyed.", /*has_failed=*/false);
}

HONE_INLINE void ProcessGroup::Members::fail(std::string_view reason) noexcept {
  if (is_closed) return;
  if (failures) failures->publish(reason);
  if (host) host->fail(reason);
  close(reason, /*has_failed=*/true);
}

HONE_INLINE void ProcessGroup::Members::close(std::string_view reason, bool has_failed) noexcept {
  if (std::exchange(is_closed, true)) return;
  try {
    closed_because = detail::first_line(reason);
  } catch (...) {  // no memory
  }
  if (has_failed) abort();
  if (failures) failures->leave();
  if (has_failed) abandon_backend();
  interruptible.reset();
  group.reset();
  store.reset();
  until_closed.reset();
}

HONE_INLINE void ProcessGroup::Members::abandon_backend() noexcept {
  if (!interruptible) return;
  try {
    group->release_resources();
    std::thread([backend = std::move(interruptible)]() mutable { backend.reset(); }).detach();
  } catch (...) {  // no thread: this one destroys it
  }
}

HONE_INLINE void ProcessGroup::Members::abort() noexcept {
  try {
    if (group) group->abort();
  } catch (...) {  // closed already
  }
}

HONE_INLINE void ProcessGroup::Members::explain(std::string_view what, const std::exception& error) {
  if (is_closed) refuse(what);
  abort();  // first, so that all ranks look for the reason
  const std::string text = failures ? failures->explain(what, shortened(error.what())) : shortened(error.what());
  close(text, /*has_failed=*/true);
  throw DistributedError(text);
}

HONE_INLINE void ProcessGroup::Members::refuse(std::string_view what) const {
  throw DistributedError(format_message("Rank {} of {}: the {} was called on a closed process group. {}",
                                        {rank, world_size, what, closed_because}));
}

HONE_INLINE std::string ProcessGroup::Members::shortened(std::string_view text) {
  text = detail::first_line(text);
  if (const auto end = text.find("] "); text.starts_with('[') && end != text.npos) text.remove_prefix(end + 2);
  return std::string(text);
}

HONE_INLINE ProcessGroup::ProcessGroup(detail::Connection connection) : members_(std::make_shared<Members>()) {
  Members& own = *members_;
  own.rank = connection.rank;
  own.world_size = connection.world_size;
  own.device = connection.device;
  own.timeout = connection.timeout;
  own.until_closed = std::move(connection.until_closed);
  own.after_shutdown = std::move(connection.after_shutdown);
  if (connection.host != nullptr) own.host = connection.host->members_;
  if (!connection.backend) return;
  own.group = c10::make_intrusive<c10d::ProcessGroup>(connection.store, own.rank, own.world_size);
  own.group->setDefaultBackend(connection.type);
  own.group->setBackend(own.device.type(), connection.type, connection.backend);
  own.store = std::move(connection.store);
  if (connection.interrupt) own.interruptible = std::move(connection.backend);
  own.failures = std::make_unique<FailureDetector>(own.store, own.rank, own.world_size, own.timeout,
                                                   std::move(connection.interrupt), std::move(connection.collectives));
}

HONE_INLINE std::vector<std::int64_t> ProcessGroup::row_counts(const at::Tensor& rows, std::string_view what) const {
  std::string shape = std::string(c10::toString(rows.scalar_type())) + " [*";
  for (std::int64_t i = 1; i < rows.dim(); ++i) shape += ", " + std::to_string(rows.size(i));
  shape += "]";
  const auto print = static_cast<std::int64_t>(detail::fnv1a(shape));
  at::Tensor own = at::full({2}, rows.size(0), at::kLong);
  static_cast<std::int64_t*>(own.mutable_data_ptr())[1] = print;
  std::vector<std::int64_t> counts;
  bool is_same = true;
  for (const auto& theirs : all_gather_same_shape(own.to(device()), what)) {
    const at::Tensor here = theirs.cpu();
    const auto* const numbers = static_cast<const std::int64_t*>(here.const_data_ptr());
    counts.push_back(numbers[0]);
    is_same = is_same && numbers[1] == print;
  }
  if (!is_same) {
    require_agreement(*this, format_message("shapes in the {}", {what}), shape,
                      "They may differ in the first dimension only.");
  }
  return counts;
}

HONE_INLINE std::vector<at::Tensor> ProcessGroup::all_gather_same_shape(at::Tensor values,
                                                                        std::string_view what) const {
  std::vector<std::vector<at::Tensor>> all(1);
  for (int rank = 0; rank < world_size(); ++rank) all[0].push_back(at::empty_like(values));
  begin(what, [&](c10d::ProcessGroup& group) {
    std::vector<at::Tensor> tensors{std::move(values)};
    return group.allgather(all, tensors);
  }).wait();
  return std::move(all[0]);
}

HONE_INLINE void ProcessGroup::Pending::wait() {
  if (!work_) return;
  try {
    std::exchange(work_, nullptr)->wait();
  } catch (const std::exception& error) {
    members_->explain(what_, error);
  }
}

}  // namespace hone
