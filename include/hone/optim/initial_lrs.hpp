// SPDX-License-Identifier: Apache-2.0
/// The learning rates that schedules start from, kept for `torch::optim` optimizers.
#pragma once

#include <torch/optim/optimizer.h>

#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace hone::detail {

/// What PyTorch in Python keeps as `initial_lr` in each group. LibTorch's groups have no place for it, so it stays
/// beside the optimizer: whatever is bound to the same optimizer later starts from the same rates, not from those that
/// a schedule has left.
struct InitialLrs {
  std::vector<double> base;
  std::vector<double> last_set;  ///< By a schedule. Another rate is one that the user has set since.

  /// Makes room for groups that were added.
  void resize(std::size_t num_groups) {
    base.resize(num_groups, std::numeric_limits<double>::quiet_NaN());
    last_set.resize(num_groups, std::numeric_limits<double>::quiet_NaN());
  }
};

/// What `initial_lrs` knows of an optimizer. Only its address identifies an optimizer that is held by reference, so
/// that the rest tells it from a later one in the same place.
struct InitialLrsEntry {
  std::shared_ptr<InitialLrs> lrs;
  std::weak_ptr<const void> owner;
  bool is_owned;
  double default_lr;
  const void* first_parameter;

  [[nodiscard]] bool is_of(const torch::optim::Optimizer& optimizer) const {
    const auto& groups = optimizer.param_groups();
    return groups.size() >= lrs->base.size() && optimizer.defaults().get_lr() == default_lr &&
           first_parameter_of(optimizer) == first_parameter;
  }
  static const void* first_parameter_of(const torch::optim::Optimizer& optimizer) {
    for (const auto& group : optimizer.param_groups()) {
      if (!group.params().empty()) return group.params()[0].unsafeGetTensorImpl();
    }
    return nullptr;
  }
};

/// The initial rates of `optimizer`: those of its groups when it is first bound; for a group that has another rate than
/// a schedule last set, that rate. Everything that is bound to one optimizer shares them.
inline std::shared_ptr<InitialLrs> initial_lrs(const std::shared_ptr<torch::optim::Optimizer>& optimizer) {
  static std::mutex mutex;
  static std::map<const void*, InitialLrsEntry> entries;
  const std::lock_guard lock(mutex);
  std::erase_if(entries, [](const auto& entry) { return entry.second.is_owned && entry.second.owner.expired(); });
  auto found = entries.find(optimizer.get());
  if (found == entries.end() || !found->second.is_of(*optimizer)) {
    InitialLrsEntry entry{std::make_shared<InitialLrs>(), optimizer, optimizer.use_count() > 0,
                          optimizer->defaults().get_lr(), InitialLrsEntry::first_parameter_of(*optimizer)};
    found = entries.insert_or_assign(optimizer.get(), std::move(entry)).first;
  }
  const auto& lrs = found->second.lrs;
  lrs->resize(optimizer->param_groups().size());
  for (std::size_t g = 0; g < lrs->base.size(); ++g) {
    const double lr = optimizer->param_groups()[g].options().get_lr();
    if (lr != lrs->last_set[g]) lrs->base[g] = lrs->last_set[g] = lr;
  }
  return lrs;
}

}  // namespace hone::detail
