// SPDX-License-Identifier: Apache-2.0
#include "hone/core/override_check.hpp"

#include "support/catch.hpp"

namespace {

using hone::detail::first_hook_name;
using hone::detail::first_override_miss;
using hone::detail::has_right_names;
using hone::detail::HookName;
using hone::detail::OverrideMiss;

struct Right {
  void backward(int, int) {}
  void step_of_my_own() {}
};
struct Swapped {
  void bakcward(int, int) {}
};
struct Omitted {
  void zero_gad(int) {}
};
struct Calculate {
  int calculate_eval_batch_loss(int, int) { return 0; }
};
struct Template {
  auto training_step(auto&, auto& batch) { return batch; }
};
struct Variable {
  int validation_step = 0;
};
class Private {
  [[maybe_unused]] void optimizer_zero_grad() {}
};
struct Inherited : Right, Calculate {};
struct Final final {
  void lr_scheduler_step() {}
};
struct WithHook : Right {
  void on_train_epoch_end(const auto&) {}
};
struct WithMisspeltHook : Right {
  void on_training_epoch_end(const auto&) {}
};
/// A callback, whose other members may have any names.
struct Callback {
  void on_train_epoch_end(const auto&) {}
};

/// The near misses include synonyms and names that other frameworks use.
static_assert(requires(hone::detail::OverrideMissNames names) {
  names.calculate_train_batch_loss;
  names.backward_step;
  names.optimizer_zero_grad;
  names.create_scheduler;
  names.training_step;
  names.test_step;
  names.predict_step;
  names.configure_optimizers;
  names.compute_loss;
  names.get_train_dataloader;
  names.val_dataloader;
  names.lr_scheduler_step;
  names.trainEpochStart;
  names.setup;
  names.teardown;
  names.state_dict;
  names.load_state_dict;
});
static_assert(requires(hone::detail::HookNames names) {
  names.on_training_epoch_end;
  names.on_training_epoch_start;
  names.on_training_step_end;
  names.on_fit_start;
  names.on_evaluation_epoch_end;
  names.on_validation_step_start;
  names.on_test_epoch_end;
  names.on_train_run_end;
  names.on_eval_batch_end;
  names.on_val_epoch_begin;
  names.on_training_loss;
  names.on_eval_run_start;
  names.onTrainEpochEnd;
  names.on_sanity_check_start;
  names.on_train_iteration_end;
  names.on_fit_epoch_end;
  names.on_training_batch_start;
});

TEST_CASE("first_override_miss detects misspelled overrides and override names of other frameworks") {
  STATIC_REQUIRE(first_override_miss<Right>() == OverrideMiss::none &&
                 first_override_miss<int>() == OverrideMiss::none);
  STATIC_REQUIRE(first_override_miss<Swapped>() == OverrideMiss::bakcward);
  STATIC_REQUIRE(first_override_miss<Omitted>() == OverrideMiss::zero_gad);
  STATIC_REQUIRE(first_override_miss<Calculate>() == OverrideMiss::calculate_eval_batch_loss);
  STATIC_REQUIRE(first_override_miss<Template>() == OverrideMiss::training_step);
  STATIC_REQUIRE(first_override_miss<Variable>() == OverrideMiss::validation_step);
  STATIC_REQUIRE(first_override_miss<Private>() == OverrideMiss::optimizer_zero_grad);
  STATIC_REQUIRE(first_override_miss<Inherited>() == OverrideMiss::calculate_eval_batch_loss);
  STATIC_REQUIRE(first_override_miss<Final>() == OverrideMiss::lr_scheduler_step);
  STATIC_REQUIRE(first_hook_name<WithHook>() == HookName::on_train_epoch_end);
  STATIC_REQUIRE(first_hook_name<WithMisspeltHook>() == HookName::on_training_epoch_end);
  STATIC_REQUIRE(first_hook_name<Right>() == HookName::none);
}

TEST_CASE("has_right_names is false for a misspelled override and for a hook beside an override") {
  STATIC_REQUIRE(has_right_names<Right> && has_right_names<Callback> && has_right_names<int>);
  STATIC_REQUIRE(!has_right_names<Swapped> && !has_right_names<Inherited> && !has_right_names<Final>);
  STATIC_REQUIRE(!has_right_names<WithHook> && !has_right_names<WithMisspeltHook>);
}

}  // namespace
