// SPDX-License-Identifier: Apache-2.0
/// Sets the state of a run, as the trainer does.
#pragma once

#include <cstdint>
#include <optional>

#include "hone/callbacks/run_control.hpp"

namespace hone {

class RunDriver {
 public:
  detail::RunControl run{};

  RunConfig& config() { return run.config_; }
  void set_phase(Phase phase) { run.phase_ = phase; }
  void set_batch(std::int64_t batch) { run.batch_ = batch; }
  void end_epoch() { run.end_epoch(); }
  void set_num_batches(std::optional<std::int64_t> num_batches) { run.num_batches_ = num_batches; }
  void set_num_epochs(std::int64_t num_epochs) { run.num_epochs_ = num_epochs; }
  void set_num_updates(std::int64_t num_updates) {
    run.num_updates_ = num_updates;
    run.history_.set_num_updates(num_updates);
  }
  [[nodiscard]] bool stops_before_update() const { return run.stops_before_update(); }
};

}  // namespace hone
