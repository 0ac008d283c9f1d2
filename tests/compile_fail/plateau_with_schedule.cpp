// expect: hone: ReduceLrOnPlateau cannot be combined with a schedule, which sets the learning rate at each update. Remove one of the two.
// SPDX-License-Identifier: Apache-2.0
/// ReduceLrOnPlateau with a schedule: both set the learning rate.
#include <cstddef>

#include "hone/callbacks/callback_set.hpp"
#include "hone/callbacks/reduce_lr_on_plateau.hpp"
#include "hone/schedule/reduce_on_plateau.hpp"

struct Optimizer {
  static std::size_t num_groups() { return 1; }
  static double lr(std::size_t) { return 0.1; }
  void set_lr(std::size_t, double) {}
};
struct Trainer {
#ifdef FIXED
  static constexpr bool schedule_drives_lr = false;
#else
  static constexpr bool schedule_drives_lr = true;
#endif
  Optimizer& optimizer();
  auto on_rank_zero(auto f) { return f(); }
};

void end_epoch(hone::CallbackSet<hone::ReduceLrOnPlateau<hone::ReduceOnPlateau>>& callbacks, hone::Run& run,
               Trainer& trainer) {
  callbacks.notify(hone::EventContext<hone::TrainingRunEpochEnd, hone::WithTrainer<Trainer>>{{{run}}, {trainer}});
}
