// SPDX-License-Identifier: Apache-2.0
/// Modules that talk to other processes themselves.
#pragma once

#include <c10/util/intrusive_ptr.h>

#include <exception>
#include <functional>
#include <string_view>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

namespace hone {

/// Throws what is to be said of a collective (its name) that broke: who failed, and why.
using ExplainFailure = std::function<void(std::string_view, const std::exception&)>;

/// A base of modules that want to know the processes that they are trained with. `Ddp` looks for it among the modules
/// of a model.
class GroupUser {
 public:
  GroupUser() = default;
  GroupUser(const GroupUser&) = default;
  GroupUser& operator=(const GroupUser&) = default;
  virtual ~GroupUser() = default;
  /// From now on with these processes; alone with none.
  virtual void set_process_group(c10::intrusive_ptr<c10d::ProcessGroup> group, ExplainFailure explain = {}) = 0;
};

}  // namespace hone
