// SPDX-License-Identifier: Apache-2.0
/// Modules that talk to other processes themselves.
#pragma once

#include <c10/util/intrusive_ptr.h>

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

namespace hone {

/// A base of modules that want to know the processes that they are trained with. `Ddp` looks for it among the modules
/// of a model.
class GroupUser {
 public:
  GroupUser() = default;
  GroupUser(const GroupUser&) = default;
  GroupUser& operator=(const GroupUser&) = default;
  virtual ~GroupUser() = default;
  /// From now on with these processes; alone with none.
  virtual void set_process_group(c10::intrusive_ptr<c10d::ProcessGroup> group) = 0;
};

}  // namespace hone
