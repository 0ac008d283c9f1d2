// SPDX-License-Identifier: Apache-2.0
#include "hone/trainer/require_same_config.hpp"

#include "support/catch.hpp"

namespace {

struct Optimizer {
  [[nodiscard]] static std::size_t num_groups() { return 2; }
  [[nodiscard]] static double lr(std::size_t group) { return group == 0 ? 0.1 : 0.02; }
};

TEST_CASE("require_same_config has a line for each setting that must match, and nothing that depends on the rank") {
  hone::RunConfig config;
  config.num_epochs = 3;
  config.seed = 5;
  const auto text = hone::require_same_config(config, Optimizer{});
  CHECK(text.find("num_epochs = 3\n") != text.npos);
  CHECK(text.find("seed = 5\n") != text.npos);
  CHECK(text.find("max_updates = none\n") != text.npos);
  CHECK(text.find("learning rate of group 1 = 0.02\n") != text.npos);
  auto other = config;
  other.process_index = 1;
  other.device = "cuda:1";
  other.num_threads = 7;
  CHECK(hone::require_same_config(other, Optimizer{}) == text);
  other.num_train_batches_per_epoch = 9;
  CHECK(hone::require_same_config(other, Optimizer{}) != text);
}

}  // namespace
