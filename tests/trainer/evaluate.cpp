// SPDX-License-Identifier: Apache-2.0
#include "hone/trainer/evaluate.hpp"

#include <torch/torch.h>

#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

// trainer_events.cpp and trainer_intermediate.cpp test evaluation between and within epochs.

TEST_CASE("evaluate, predict and evaluate_batch agree with a direct call of the model") {
  tiny::Net model;
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{}};
  const auto expected = model->forward(tiny::inputs());
  const auto loss = torch::nn::functional::cross_entropy(expected, tiny::labels()).item<double>();
  CHECK(torch::allclose(trainer.predict(tiny::dataset(), {.per_device_batch_size = 5}), expected));
  CHECK(trainer.evaluate(tiny::dataset(), {.per_device_batch_size = 5}).at("evaluation_loss") == Approx(loss));
  const auto output = trainer.evaluate_batch(tiny::Batch{tiny::inputs(), tiny::labels()});
  CHECK(output.loss.item<double>() == Approx(loss));
  CHECK_FALSE(output.outputs.requires_grad());
  CHECK(model->is_training());
}
