// SPDX-License-Identifier: Apache-2.0
#include "hone/trainer/run_scope.hpp"

#include <torch/torch.h>

#include <chrono>
#include <string>
#include <vector>

#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

// trainer_limits.cpp, trainer_stop.cpp and trainer_errors.cpp test other properties that all runs share.

TEST_CASE("the configuration of every kind of run has its device, precision, ranks and threads") {
  std::vector<hone::RunConfig> configs;
  const auto note = [&configs](const auto& event) { configs.push_back(event.run.config()); };
  hone::Trainer trainer{tiny::Net(),
                        torch::nn::CrossEntropyLoss(),
                        hone::Sgd{},
                        hone::GradAccum<2>{},
                        hone::on<hone::TrainingRunStart>(note),
                        hone::on<hone::EvaluationRunStart>(note),
                        hone::on<hone::PredictRunStart>(note)};
  trainer.train(tiny::dataset(), {.per_device_batch_size = 3});
  trainer.evaluate(tiny::dataset());
  trainer.predict(tiny::dataset());
  REQUIRE(configs.size() == 3);
  for (const auto& config : configs) {
    CHECK(config.device == "cpu");
    CHECK(config.precision == "Fp32");
    CHECK(config.num_processes == 1);
    CHECK(config.num_batches_per_update == (&config == &configs[0] ? 2 : 1));
    CHECK(config.num_threads == at::get_num_threads());
  }
}
