// SPDX-License-Identifier: Apache-2.0
/// A base class for modules that call collectives.
#pragma once

#include <c10/util/intrusive_ptr.h>

#include <exception>
#include <functional>
#include <string_view>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

namespace hone {

/// A callback for an error of a collective, called with the collective's name and the original exception. It throws a
/// `DistributedError` that names the rank at fault, or returns if the group no longer exists.
using ExplainFailure = std::function<void(std::string_view, const std::exception&)>;

/// A base class for modules that require the process group. `Ddp` passes its group to every such module of a model.
class ProcessGroupAware {
 public:
  ProcessGroupAware() = default;
  ProcessGroupAware(const ProcessGroupAware&) = default;
  ProcessGroupAware& operator=(const ProcessGroupAware&) = default;
  virtual ~ProcessGroupAware() = default;
  /// Sets the process group. With null, the module works without other processes.
  virtual void set_process_group(c10::intrusive_ptr<c10d::ProcessGroup> group, ExplainFailure explain = {}) = 0;
};

}  // namespace hone
