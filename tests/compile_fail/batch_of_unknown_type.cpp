// expect: hone: the members of this batch type are unknown, so its tensors could be neither moved nor converted. Adapt the type with BOOST_HANA_ADAPT_STRUCT, or specialize hone::holds_no_tensors if it has no tensors.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A batch struct without Boost.Hana adaptation, whose tensors must be converted.
#include <torch/torch.h>

#include <boost/hana.hpp>

#include "hone/optim/sgd.hpp"
#include "hone/precision/pure.hpp"
#include "hone/trainer/trainer.hpp"

struct Batch {
#ifdef FIXED
  BOOST_HANA_DEFINE_STRUCT(Batch, (torch::Tensor, images), (torch::Tensor, labels));
#else
  torch::Tensor images, labels;
#endif
};
struct Own {
  struct Output {
    torch::Tensor loss;
    std::int64_t batch_size;
  };
  Output train_batch_loss(auto& trainer, auto& batch) {
    return {torch::mse_loss(trainer.model()->forward(batch.images), batch.labels), batch.labels.size(0)};
  }
};

void use(const std::vector<Batch>& batches) {
  hone::Trainer{torch::nn::Linear(2, 1), torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}, hone::Fp64{}, Own{}}.train(
      batches);
}
