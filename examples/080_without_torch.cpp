// SPDX-License-Identifier: Apache-2.0
/// Schedules and the run history are plain types. They work without a trainer and without LibTorch.
/* prints:
 * update 0: 0.0100
 * update 5: 0.0550
 * update 10: 0.1000
 * update 55: 0.0505
 * update 100: 0.0010
 * name,phase,epoch,update,value
 * residual,train,1,0,0.5
 * residual,train,2,0,0.25
 */
#include <fmt/format.h>

#include <hone/history/run_history.hpp>
#include <hone/history/write_csv.hpp>
#include <hone/schedule/cosine.hpp>
#include <iostream>

int main() {
  const auto schedule =
      hone::CosineLr{.total_updates = 100, .warmup_updates = 10, .min_lr = 0.001, .warmup_start_lr = 0.01};
  for (int update : {0, 5, 10, 55, 100}) fmt::print("update {}: {:.4f}\n", update, schedule(0.1, update));
  std::fflush(stdout);

  hone::RunHistory history;
  history.record("residual", 0.5, hone::Phase::train);
  history.increment_epoch();
  history.record("residual", 0.25, hone::Phase::train);
  hone::write_csv(std::cout, history);
}
