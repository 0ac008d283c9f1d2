// SPDX-License-Identifier: Apache-2.0
/// Tests of averaged weights in a trainer: their evaluation, and that they do not affect training.
#include <torch/torch.h>

#include "hone/callbacks/metrics.hpp"
#include "hone/finetune/model_ema.hpp"
#include "hone/metrics/accuracy.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

TEST_CASE("averaged weights are evaluated after each epoch, and do not affect training") {
  const auto plain = [](tiny::Net net, auto... callbacks) {
    auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, callbacks...};
    return trainer.train(tiny::dataset(), tiny::dataset(), {.num_epochs = 3, .seed = 1});
  };
  tiny::Net without, with;
  hone::ModelEma ema{.decay = 0.5, .callbacks = hone::CallbackSet{hone::Metrics{hone::Accuracy{}}}};
  const auto expected = plain(without);
  const auto history = plain(with, ema);

  CHECK(tiny::equal(tiny::weights(without), tiny::weights(with)));
  CHECK(history.values("eval_loss_epoch").size() == 3);
  CHECK(history.at("eval_loss_epoch") == expected.at("eval_loss_epoch"));
  REQUIRE(history.values("ema_model_eval_loss_epoch").size() == 3);
  CHECK(history.values("ema_model_eval_accuracy_epoch").size() == 3);

  // The recorded loss is the loss of the averaged weights.
  ema.average().copy_to(with);
  auto trainer = hone::Trainer{with, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}};
  CHECK(trainer.evaluate(tiny::dataset()).at("evaluation_loss") == Approx(history.at("ema_model_eval_loss_epoch")));
}

}  // namespace
