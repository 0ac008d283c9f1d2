// SPDX-License-Identifier: Apache-2.0
/// Parameters that are divided among processes, and how those that update them give them to the others.
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

/// Parameters in the order of an optimizer's list, and the rank of the process that updates each: the lists are
/// parallel.
struct Shards {
  std::vector<std::string> names = {};
  std::vector<at::Tensor> parameters = {};
  std::vector<int> owners = {};

  void add(std::string name, at::Tensor parameter, int owner) {
    names.push_back(std::move(name));
    parameters.push_back(std::move(parameter));
    owners.push_back(owner);
  }
};

/// Gives each parameter of its owner to the others. Small ones of one owner travel together, those of 256 KiB or more
/// by themselves, from where they lie to where they belong.
///
/// **Cost** a copy of the small parameters, kept.
class ParameterBroadcast {
 public:
  /// **Units** bucket_bytes: of the small parameters that travel together.
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

  /// After it, every process has what the owners have. Collective.
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
    std::vector<at::Tensor> parts = {};  ///< Of `flat`, in the parameters' shapes.
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
    if (bucket.alone) return bucket.parameters[0].unsafeGetTensorImpl()->bump_version();  // it was written unseen
    for (std::size_t i = 0; i < bucket.parts.size(); ++i) bucket.parameters[i].copy_(bucket.parts[i]);
  }

  ProcessGroup group_;
  std::vector<Bucket> buckets_;
};

}  // namespace hone
