// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/schedule_state_dict.hpp"

#include <tuple>

#include "checkpoint/files.hpp"
#include "hone/optim/fused_optimizer.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

TEST_CASE("schedule_state_dict has the counters of PyTorch's and pytorch-accelerated's schedulers") {
  hone::FusedOptimizer<hone::Sgd> optimizer{hone::named_parameters(tiny::Net()), {.lr = 0.5}};
  optimizer.set_lr(0.25);
  const auto state = hone::schedule_state_dict(optimizer, 7);
  CHECK(state.get<std::int64_t>("num_updates") == 7);
  CHECK(state.get<std::int64_t>("_num_updates") == 7);
  CHECK(state.get<std::int64_t>("last_epoch") == 7);
  CHECK(state.get<std::int64_t>("_step_count") == 8);
  CHECK(state.at("base_lrs").items()[0].number() == 0.5);
  CHECK(state.at("_last_lr").items()[0].number() == 0.25);
  CHECK(hone::scheduled_updates_in(state) == 7);
  CHECK(hone::scheduled_updates_in(hone::Dict{{"last_epoch", 3}}) == 3);
  CHECK(hone::scheduled_updates_in(hone::Dict{{"num_updates", -1}}) == 0);  // before the first step
}

TEST_CASE("schedule_state_dict of CosineLr has the settings of pytorch-accelerated's cosine scheduler") {
  hone::FusedOptimizer<hone::Sgd> optimizer{hone::named_parameters(tiny::Net()), {.lr = 0.5}};
  const hone::CosineLr cosine{.total_updates = 100, .warmup_updates = 10, .min_lr_ratio = 0.1, .k_decay = 2.0};
  const auto state = hone::schedule_state_dict(optimizer, 7, cosine);
  CHECK(state.get<std::int64_t>("num_updates") == 7);
  CHECK(state.get<std::int64_t>("total_iterations") == 100);
  CHECK(state.get<std::int64_t>("warmup_iterations") == 10);
  CHECK(state.get<std::int64_t>("num_cooldown_iterations") == 0);
  CHECK(state.get<double>("lr_min") == 1e-6);
  CHECK(state.get<double>("lr_min_ratio") == 0.1);
  CHECK(state.get<double>("warmup_lr_init") == 1e-6);
  CHECK(state.at("warmup_lr_ratio").is_none());
  CHECK(state.get<double>("k_decay") == 2.0);
  // The length of the run is unknown.
  CHECK(hone::schedule_state_dict(optimizer, 0, hone::CosineLr{}).find("total_iterations") == nullptr);
}

TEST_CASE("scheduled_updates_in throws DataError for a state without a valid counter") {
  CHECK(files::contains(files::message([] { std::ignore = hone::scheduled_updates_in(hone::Dict{{"lr_min", 0.1}}); }),
                        ".load_scheduler = false"));
  CHECK(files::contains(
      files::message([] { std::ignore = hone::scheduled_updates_in(hone::Dict{{"num_updates", -5}}); }), "-5"));
}
