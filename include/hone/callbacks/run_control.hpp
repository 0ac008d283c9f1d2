// SPDX-License-Identifier: Apache-2.0
/// The interface of a run to the training loop: access to all members.
#pragma once

#include "hone/callbacks/run.hpp"

namespace hone::detail {

/// The type of a trainer's run; events refer to it as a `Run`.
struct RunControl : Run {
  using Run::Place;
  using Run::Stop;

  using Run::begin;
  using Run::begin_epoch;
  using Run::end_epoch;
  using Run::forget_stop;
  using Run::place;
  using Run::resume;
  using Run::return_to;
  using Run::settle;
  using Run::suspend;

  using Run::asked_;
  using Run::batch_;
  using Run::config_;
  using Run::history_;
  using Run::is_cut_short_;
  using Run::num_batches_;
  using Run::num_epochs_;
  using Run::num_updates_;
  using Run::phase_;
  using Run::reason_;
  using Run::stop_;

  /// True if a requested stop skips the current update.
  [[nodiscard]] bool stops_before_update() const { return stop_ == Stop::before_update; }
};

}  // namespace hone::detail
