// SPDX-License-Identifier: Apache-2.0
/// A run as the training loop sees it: everything in it may be changed.
#pragma once

#include "hone/callbacks/run.hpp"

namespace hone::detail {

/// The trainer holds its run as this; events carry it as a `Run`.
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

  /// A callback wants the current batch to be dropped.
  [[nodiscard]] bool stops_before_update() const { return stop_ == Stop::before_update; }
};

}  // namespace hone::detail
