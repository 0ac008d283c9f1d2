// SPDX-License-Identifier: Apache-2.0
/// Parameters that are sharded over ranks, and their broadcast.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hone/distributed/process_group.hpp"

namespace hone {

/// The parameters of an optimizer, in its order, and the rank that updates each. The lists are parallel.
struct Shards {
  std::vector<std::string> names = {};  ///< The names of the parameters.
  std::vector<at::Tensor> parameters = {};
  std::vector<int> owners = {};  ///< The ranks.

  /// Appends a parameter to the three lists.
  void add(std::string name, at::Tensor parameter, int owner) {
    names.push_back(std::move(name));
    parameters.push_back(std::move(parameter));
    owners.push_back(owner);
  }
};

/// Broadcasts each parameter from its owner. A contiguous parameter of 256 KiB or more on the group's device is sent in
/// place. All other parameters are sent in buckets with one owner and one type each.
///
/// **Cost** a persistent copy of the parameters in buckets.
class ParameterBroadcast {
 public:
  /// Assigns the parameters to buckets.
  /// **Units** bucket_bytes: of the parameters in one bucket.
  ParameterBroadcast(ProcessGroup group, const Shards& shards, std::int64_t bucket_bytes) : group_(std::move(group)) {
    constexpr std::int64_t large = 256 << 10;
    for (std::size_t i = 0; i < shards.parameters.size(); ++i) {
      const at::Tensor& parameter = shards.parameters[i];
      if (parameter.numel() == 0) continue;
      const auto bytes = static_cast<std::int64_t>(parameter.nbytes());
      const bool alone = bytes >= large && parameter.is_contiguous() && parameter.device() == group_.device();
      const auto open = std::find_if(buckets_.begin(), buckets_.end(), [&](const Bucket& bucket) {
        return !alone && !bucket.alone && bucket.owner == shards.owners[i] && bucket.bytes + bytes <= bucket_bytes &&
               bucket.parameters[0].scalar_type() == parameter.scalar_type();
      });
      Bucket& bucket = open == buckets_.end() ? buckets_.emplace_back(Bucket{shards.owners[i], alone}) : *open;
      bucket.parameters.push_back(parameter);
      bucket.bytes += bytes;
    }
    for (Bucket& bucket : buckets_) {
      if (!bucket.alone) make_room(bucket);
    }
  }

  /// Broadcasts all parameters, concurrently. Afterwards all ranks have the owners' values. Collective.
  void run() {
    const at::NoGradGuard no_gradients;
    std::vector<ProcessGroup::Pending> under_way;
    under_way.reserve(buckets_.size());
    for (Bucket& bucket : buckets_) {
      if (!bucket.alone && is_own(bucket)) {
        for (std::size_t i = 0; i < bucket.parts.size(); ++i) bucket.parts[i].copy_(bucket.parameters[i]);
      }
      under_way.push_back(group_.begin_broadcast(bucket.alone ? bucket.parameters[0].detach() : bucket.flat,
                                                 bucket.owner, "broadcast of parameters"));
    }
    for (std::size_t b = 0; b < buckets_.size(); ++b) {
      under_way[b].wait();
      if (!is_own(buckets_[b])) take(buckets_[b]);
    }
  }

 private:
  struct Bucket {
    int owner = 0;
    bool alone = false;
    std::int64_t bytes = 0;
    std::vector<at::Tensor> parameters = {};
    at::Tensor flat = {};
    std::vector<at::Tensor> parts = {};  ///< Views of `flat`, in the parameters' shapes.
  };

  [[nodiscard]] bool is_own(const Bucket& bucket) const { return bucket.owner == group_.rank(); }

  void make_room(Bucket& bucket) const {
    std::int64_t size = 0;
    for (const auto& parameter : bucket.parameters) size += parameter.numel();
    bucket.flat = at::empty({size}, bucket.parameters[0].options().device(group_.device()).requires_grad(false));
    std::int64_t first = 0;
    for (const auto& parameter : bucket.parameters) {
      bucket.parts.push_back(bucket.flat.narrow(0, first, parameter.numel()).view(parameter.sizes()));
      first += parameter.numel();
    }
  }

  static void take(Bucket& bucket) {
    if (bucket.alone) return bucket.parameters[0].unsafeGetTensorImpl()->bump_version();  // unseen by autograd
    for (std::size_t i = 0; i < bucket.parts.size(); ++i) bucket.parameters[i].copy_(bucket.parts[i]);
  }

  ProcessGroup group_;
  std::vector<Bucket> buckets_;
};

}  // namespace hone
