// SPDX-License-Identifier: Apache-2.0
#include "hone/loop/runs.hpp"

#include <torch/torch.h>

#include <chrono>
#include <string>

#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

// What runs have in common is tested where it is used: trainer_limits.cpp, trainer_stop.cpp, trainer_errors.cpp.

TEST_CASE("every kind of run says where it runs and how") {
  hone::Trainer trainer{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}, hone::GradAccum<2>{}};
  trainer.evaluate(tiny::dataset());
  const auto& config = trainer.run().config();
  CHECK(config.device == "cpu");
  CHECK(config.precision == "Fp32");
  CHECK(config.num_processes == 1);
  CHECK(config.gradient_accumulation_steps == 2);
  CHECK(config.num_threads == at::get_num_threads());
}
