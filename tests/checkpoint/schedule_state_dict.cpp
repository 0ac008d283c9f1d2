// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/schedule_state_dict.hpp"

#include <tuple>

#include "checkpoint/files.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/sgd.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

TEST_CASE("the counters of PyTorch's schedulers and of pytorch-accelerated's") {
  hone::FusedOptimizer<hone::Sgd> optimizer{hone::named_parameters(tiny::Net()), {.lr = 0.5}};
  optimizer.set_lr(0.25);
  const auto state = hone::schedule_state_dict(optimizer, 7);
  CHECK(state.get<std::int64_t>("num_updates") == 7);
  CHECK(state.get<std::int64_t>("last_epoch") == 7);
  CHECK(state.get<std::int64_t>("_step_count") == 8);
  CHECK(state.at("base_lrs").items()[0].number() == 0.5);
  CHECK(state.at("_last_lr").items()[0].number() == 0.25);
  CHECK(hone::scheduled_updates_in(state) == 7);
  CHECK(hone::scheduled_updates_in(hone::Dict{{"last_epoch", 3}}) == 3);
  CHECK(hone::scheduled_updates_in(hone::Dict{{"num_updates", -1}}) == 0);  // before the first step
}

TEST_CASE("a state without a place is refused") {
  CHECK(files::contains(files::message([] { std::ignore = hone::scheduled_updates_in(hone::Dict{{"lr_min", 0.1}}); }),
                        ".load_scheduler = false"));
  CHECK(files::contains(
      files::message([] { std::ignore = hone::scheduled_updates_in(hone::Dict{{"num_updates", -5}}); }), "-5"));
}
