// SPDX-License-Identifier: Apache-2.0
/// The initial learning rates of `torch::optim` optimizers, from which schedules start.
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

/// The counterpart of `initial_lr` in the parameter groups of Python's optimizers. LibTorch's groups cannot store it,
/// so it is stored outside the optimizer. A later binding of the same optimizer starts from the same rates, not from
/// the rates that a schedule has set.
struct InitialLrs {
  std::vector<double> base;
  std::vector<double> last_set;  ///< The last known rates. If a group has a different rate, the user has set it since.

  /// Adds an entry (NaN) for each new group.
  void resize(std::size_t num_groups) {
    base.resize(num_groups, std::numeric_limits<double>::quiet_NaN());
    last_set.resize(num_groups, std::numeric_limits<double>::quiet_NaN());
  }
};

/// An entry of `initial_lrs`. The key is the optimizer's address. For an optimizer that is bound by reference, `is_of`
/// detects a later optimizer at the same address.
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

/// Returns the initial rates of `optimizer`, which all its bindings share. At the first binding, these are the rates of
/// its groups. Later, a group whose rate is not the last known rate starts from its current rate.
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
