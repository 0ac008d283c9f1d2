// SPDX-License-Identifier: Apache-2.0
#include "hone/step/no_loss.hpp"

#include <torch/torch.h>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

struct Own {
  struct Output {
    torch::Tensor loss;
    std::int64_t batch_size;
  };
  Output train_batch_loss(auto& trainer, auto& batch) {
    return {torch::cross_entropy_loss(trainer.model()->forward(batch.first), batch.second), batch.first.size(0)};
  }
};

}  // namespace

TEST_CASE("NoLoss suffices if an override computes the loss") {
  tiny::Net with, without;
  hone::Trainer{with, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}}.train(tiny::batches(3));
  hone::Trainer trainer{without, hone::NoLoss{}, hone::Sgd{.lr = 0.1}, Own{}};
  trainer.train(tiny::batches(3));
  CHECK(tiny::equal(tiny::weights(without), tiny::weights(with)));
  CHECK(trainer.evaluate(tiny::batches(3)).at("evaluation_loss") > 0.0);
}
