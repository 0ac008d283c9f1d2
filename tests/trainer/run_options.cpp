// SPDX-License-Identifier: Apache-2.0
#include "hone/trainer/run_options.hpp"

#include <chrono>
#include <cmath>
#include <string>
#include <type_traits>

#include "support/catch.hpp"

namespace {

using Options = hone::TrainOptions;
static_assert(std::is_aggregate_v<Options> && std::is_aggregate_v<hone::EvaluateOptions>);

template <class T>
std::string refusal(const T& options) {
  try {
    options.check();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

TEST_CASE("options for loaders are empty by default, and require_none_of_loader throws if one is set") {
  CHECK((Options{}.batch_size() == 8 && Options{.per_device_batch_size = 32}.batch_size() == 32));
  CHECK_NOTHROW(Options{}.require_none_of_loader());
  CHECK_THROWS_AS(Options{.per_device_batch_size = 8}.require_none_of_loader(), std::invalid_argument);
  CHECK_THROWS_AS(Options{.shuffle = false}.require_none_of_loader(), std::invalid_argument);
  CHECK_THROWS_AS(Options{.drop_last = false}.require_none_of_loader(), std::invalid_argument);
  CHECK_THROWS_AS(hone::EvaluateOptions{.per_device_batch_size = 8}.require_none_of_loader(), std::invalid_argument);
}

TEST_CASE("check() throws for an option out of range, with its name, value and minimum") {
  CHECK(refusal(Options{}).empty());
  CHECK(refusal(hone::EvaluateOptions{}).empty());
  CHECK(refusal(Options{.num_epochs = 0, .per_device_batch_size = 1, .max_updates = 1}).empty());
  CHECK(refusal(Options{.num_epochs = -1}) == "num_epochs is -1. Set it to 0 or greater.");
  CHECK(refusal(Options{.per_device_batch_size = 0}) == "per_device_batch_size is 0. Set it to 1 or greater.");
  CHECK(refusal(Options{.eval_per_device_batch_size = -7}) ==
        "eval_per_device_batch_size is -7. Set it to 1 or greater.");
  CHECK(refusal(Options{.max_updates = 0}) == "max_updates is 0. Set it to 1 or greater.");
  CHECK(refusal(Options{.num_threads = -1}) == "num_threads is -1. Set it to 0 or greater.");
  CHECK(refusal(hone::EvaluateOptions{.per_device_batch_size = 0}) ==
        "per_device_batch_size is 0. Set it to 1 or greater.");
  CHECK(refusal(hone::EvaluateOptions{.num_threads = -4}) == "num_threads is -4. Set it to 0 or greater.");
  CHECK(refusal(Options{.min_num_epochs = -1}) == "min_num_epochs is -1. Set it to 0 or greater.");
  CHECK(refusal(Options{.min_updates = -2}) == "min_updates is -2. Set it to 0 or greater.");
  CHECK(refusal(Options{.max_time = std::chrono::seconds(0)}) == "max_time is 0 s. Set it to a value greater than 0.");
  CHECK(refusal(Options{.max_time = std::chrono::minutes(-2)}) ==
        "max_time is -120 s. Set it to a value greater than 0.");
  CHECK(refusal(Options{.max_time = std::chrono::duration<double>(std::nan(""))}) ==
        "max_time is nan s. Set it to a value greater than 0.");
  CHECK(refusal(Options{.max_time = std::chrono::milliseconds(1)}).empty());
  CHECK(refusal(Options{.evaluate_every_n_epochs = 0}) == "evaluate_every_n_epochs is 0. Set it to 1 or greater.");
  CHECK(refusal(Options{.fast_dev_run = -1}) == "fast_dev_run is -1. Set it to 0 or greater.");
  CHECK(refusal(Options{.overfit_batches = -1}) == "overfit_batches is -1. Set it to 0 or greater.");
  CHECK(refusal(Options{.num_sanity_eval_batches = -1}) == "num_sanity_eval_batches is -1. Set it to 0 or greater.");
}

TEST_CASE("check() throws if a minimum is above its maximum, but not if they are equal") {
  CHECK(refusal(Options{.num_epochs = 3, .min_num_epochs = 3}).empty());
  CHECK(refusal(Options{.num_epochs = 3, .min_num_epochs = 5}) ==
        "min_num_epochs is 5, but num_epochs is 3. Set it to 3 or less, or increase num_epochs.");
  CHECK(refusal(Options{.max_updates = 7, .min_updates = 7}).empty());
  CHECK(refusal(Options{.max_updates = 7, .min_updates = 8}) ==
        "min_updates is 8, but max_updates is 7. Set it to 7 or less, or increase max_updates.");
  CHECK(refusal(Options{.min_updates = 8}).empty());
}

}  // namespace
