// SPDX-License-Identifier: Apache-2.0
/// A reduction of each gradient to the rank that owns its parameter.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/distributed/gradient_reducer.hpp"
#include "hone/distributed/process_group.hpp"
#include "hone/distributed/shards.hpp"

namespace hone {

/// Reduces gradients to the owners of their parameters during backward, in buckets with one owner each. Afterwards a
/// rank has the mean over all ranks for the parameters that it owns, added to their previous gradients. It has no other
/// gradients: they are released as soon as a bucket contains them.
///
/// A backward pass may leave parameters unused, which may differ between ranks. An unused parameter contributes zeros
/// to the mean. If all ranks leave it unused, its gradient is unchanged.
///
/// **Cost** a copy of each gradient; at most four buckets are pending. One host synchronization for each owned
/// parameter that this rank left unused.
/// **Errors** `DataError` for a sparse gradient; `std::logic_error` for a gradient of a parameter whose bucket has been
/// sent; `DistributedError` when a rank fails. After an error, call `reset`.
class ShardReducer {
 public:
  /// Assigns the parameters to buckets, and registers hooks for their gradients.
  ShardReducer(ProcessGroup group, std::shared_ptr<const Shards> shards, const DdpOptions& options)
      : group_(std::move(group)), options_(options), shards_(std::move(shards)), size_(shards_->parameters.size()) {
    states_.resize(size_);
    make_buckets();
    for (std::size_t i = 0; i < size_; ++i) {
      if (states_[i].bucket == none) continue;
      const auto node = torch::autograd::impl::grad_accumulator(shards_->parameters[i]);
      const auto key = node->add_post_hook(
          std::make_unique<torch::autograd::utils::LambdaPostHook>([this, i](const auto& outputs, const auto&) {
            arrived(i);
            return outputs;
          }));
      hooks_.push_back({node, key});
    }
  }
  ShardReducer(const ShardReducer&) = delete;
  ShardReducer& operator=(const ShardReducer&) = delete;
  ~ShardReducer() {
    for (const auto& [node, key] : hooks_) node->del_post_hook(key);
  }

  /// Returns false if parameters were added, frozen or unfrozen. The reducer must then be re-created.
  [[nodiscard]] bool is_current() const {
    if (shards_->parameters.size() != size_) return false;
    for (std::size_t i = 0; i < size_; ++i) {
      if (travels(shards_->parameters[i]) != (states_[i].bucket != none)) return false;
    }
    return true;
  }

  /// Starts a backward pass. Sets the gradients of owned parameters aside.
  void begin() {
    num_sent_ = num_settled_ = 0;
    for (auto& bucket : buckets_) bucket.num_arrived = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      states_[i].has_arrived = false;
      if (shards_->owners[i] != group_.rank() || states_[i].bucket == none) continue;
      states_[i].kept = std::exchange(shards_->parameters[i].mutable_grad(), at::Tensor());
    }
    is_active_ = true;
  }
  /// Ends a backward pass: sends the remaining buckets and waits for all. Collective.
  void finish() {
    while (num_sent_ < buckets_.size()) send();
    while (num_settled_ < buckets_.size()) settle();
    is_active_ = false;
  }
  /// Resets the reducer after an exception between `begin` and `finish`. The previous gradients are lost.
  void reset() noexcept {
    is_active_ = false;
    for (auto& state : states_) state.kept.reset();
    for (auto& bucket : buckets_) {
      bucket.under_way.reset();
      bucket.sent.reset();
    }
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  static constexpr std::size_t most_under_way = 4;

  struct Bucket {
    int owner = 0;
    std::int64_t bytes = 0;
    std::int64_t size = 0;                  ///< Elements of all gradients. One flag per member follows them.
    std::vector<std::size_t> members = {};  ///< Indices of parameters, in descending order.
    std::size_t num_arrived = 0;
    at::Tensor sent = {};
    std::optional<ProcessGroup::Pending> under_way = {};
  };
  struct State {
    std::size_t bucket = none;
    bool has_arrived = false;  ///< Its gradient is complete, on this rank, in this pass.
    bool is_used = false;      ///< It had a gradient when its bucket was sent.
    at::Tensor kept = {};      ///< The owner's previous gradient.
  };

  [[nodiscard]] static bool travels(const at::Tensor& parameter) {
    return parameter.requires_grad() && parameter.numel() > 0;
  }

  // Backward starts with the last parameters. Buckets are ordered by their last member, which is complete last.
  void make_buckets() {
    std::vector<Bucket> open;
    const auto close = [&](Bucket& bucket) {
      buckets_.push_back(std::exchange(bucket, Bucket{.owner = bucket.owner}));
    };
    for (std::size_t i = size_; i-- > 0;) {
      const auto& parameter = shards_->parameters[i];
      if (!travels(parameter)) continue;
      const int owner = shards_->owners[i];
      auto bucket = std::find_if(open.begin(), open.end(), [&](const Bucket& each) { return each.owner == owner; });
      if (bucket == open.end()) bucket = open.insert(open.end(), Bucket{.owner = owner});
      const auto bytes = static_cast<std::int64_t>(parameter.nbytes());
      const bool is_first =
          std::none_of(buckets_.begin(), buckets_.end(), [&](auto& each) { return each.owner == owner; });
      if (!bucket->members.empty() &&
          (bucket->bytes + bytes > (is_first ? options_.first_bucket_bytes : options_.bucket_bytes) ||
           shards_->parameters[bucket->members[0]].scalar_type() != parameter.scalar_type())) {
        close(*bucket);
      }
      bucket->members.push_back(i);
      bucket->bytes += bytes;
      bucket->size += parameter.numel();
    }
    for (auto& bucket : open) close(bucket);
    std::sort(buckets_.begin(), buckets_.end(),
              [](const Bucket& a, const Bucket& b) { return a.members.back() > b.members.back(); });
    for (std::size_t b = 0; b < buckets_.size(); ++b) {
      for (const std::size_t i : buckets_[b].members) states_[i].bucket = b;
    }
  }

  /// Records that a gradient is complete, and sends the buckets that are complete, in order.
  void arrived(std::size_t i) {
    if (!is_active_) return;
    const std::size_t b = states_[i].bucket;
    if (b < num_sent_) [[unlikely]]
      refuse_second(i);
    if (std::exchange(states_[i].has_arrived, true)) return;
    ++buckets_[b].num_arrived;
    if (!options_.overlap) return;
    while (num_sent_ < buckets_.size() && buckets_[num_sent_].num_arrived == buckets_[num_sent_].members.size()) send();
  }
  [[noreturn]] void refuse_second(std::size_t i) const {
    throw std::logic_error(
        format_message("The parameter '{}' got a second gradient in one backward pass, after its first gradient was "
                       "reduced. Call backward once for each batch, or set DdpOptions::overlap to false.",
                       {shards_->names[i]}));
  }

  /// Starts the reduction of the next bucket. All ranks send the same buckets in the same order.
  void send() {
    if (num_sent_ >= num_settled_ + most_under_way) settle();
    const at::NoGradGuard no_gradients;
    Bucket& bucket = buckets_[num_sent_++];
    const auto num_members = static_cast<std::int64_t>(bucket.members.size());
    const auto options = shards_->parameters[bucket.members[0]].options().requires_grad(false);
    const at::Tensor flat = at::empty({bucket.size + num_members}, options.device(group_.device()));
    const at::Tensor uses = flat.narrow(0, bucket.size, num_members).fill_(1.0);
    std::int64_t first = 0;
    for (std::int64_t k = 0; k < num_members; ++k) {
      const std::size_t i = bucket.members[static_cast<std::size_t>(k)];
      at::Tensor& gradient = shards_->parameters[i].mutable_grad();
      const at::Tensor part = part_of(flat, first, i);
      states_[i].is_used = gradient.defined();
      if (!gradient.defined()) {
        part.zero_();
        uses.select(0, k).zero_();
      } else if (gradient.layout() != at::kStrided) {
        throw DataError(format_message(
            "The gradient of '{}' is sparse and cannot be reduced. Build the layer with dense gradients.",
            {shards_->names[i]}));
      } else {
        part.copy_(gradient);
        gradient.reset();
      }
      first += shards_->parameters[i].numel();
    }
    flat.div_(group_.world_size());
    bucket.sent = options_.gradient_format == GradientFormat::as_is  ? flat
                  : options_.gradient_format == GradientFormat::bf16 ? flat.to(at::kBFloat16)
                                                                     : flat.to(at::kHalf);
    bucket.under_way.emplace(group_.begin_reduce(bucket.sent, bucket.owner, "reduction of gradients"));
  }

  /// Waits for the oldest pending bucket. Its owner adds the means to the previous gradients.
  void settle() {
    Bucket& bucket = buckets_[num_settled_++];
    bucket.under_way->wait();
    bucket.under_way.reset();
    const at::Tensor sent = std::exchange(bucket.sent, at::Tensor());
    if (bucket.owner != group_.rank()) return;
    const at::NoGradGuard no_gradients;
    const auto& first_parameter = shards_->parameters[bucket.members[0]];
    const at::Tensor flat = sent.to(first_parameter.device(), first_parameter.scalar_type());
    std::int64_t first = 0;
    for (std::size_t k = 0; k < bucket.members.size(); ++k) {
      const std::size_t i = bucket.members[k];
      at::Tensor& gradient = shards_->parameters[i].mutable_grad();
      gradient = std::exchange(states_[i].kept, at::Tensor());
      const bool is_used =
          states_[i].is_used || flat.select(0, bucket.size + static_cast<std::int64_t>(k)).item<double>() > 0.0;
      if (is_used) {
        const at::Tensor part = part_of(flat, first, i);
        if (gradient.defined()) {
          gradient.add_(part);
        } else {
          gradient = part;
        }
      }
      first += shards_->parameters[i].numel();
    }
  }

  /// Returns a view of `flat` from `first`, with the sizes and strides of parameter `i`.
  [[nodiscard]] at::Tensor part_of(const at::Tensor& flat, std::int64_t first, std::size_t i) const {
    return flat.as_strided(shards_->parameters[i].sizes(), shards_->parameters[i].strides(), first);
  }

  using Node = decltype(torch::autograd::impl::grad_accumulator(std::declval<const at::Tensor&>()));

  ProcessGroup group_;
  DdpOptions options_;
  std::shared_ptr<const Shards> shards_;
  std::size_t size_;
  std::vector<Bucket> buckets_;
  std::vector<State> states_;
  std::vector<std::pair<Node, std::uintptr_t>> hooks_;
  std::size_t num_sent_ = 0, num_settled_ = 0;
  bool is_active_ = false;
};

}  // namespace hone
