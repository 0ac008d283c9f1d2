// expect: hone: this callback makes collective calls, which all ranks must make. Use it without rank_zero: only rank 0 prints and writes files anyway.
// SPDX-License-Identifier: Apache-2.0
/// `rank_zero` with a collective callback.
#include "hone/callbacks/filters.hpp"

struct Gathers {
#ifndef FIXED
  static constexpr bool is_collective = true;
#endif
  void on_train_epoch_end(const hone::TrainEpochEnd&) const {}
};

void notify(hone::Run& run) {
  hone::CallbackSet callbacks{hone::rank_zero(Gathers{})};
  callbacks.notify(hone::TrainEpochEnd{{run}, 0.5});
}
