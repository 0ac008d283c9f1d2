// expect: hone: this batch has more tensors than inputs and one target, so the roles of its members are ambiguous. Specialize hone::BatchParts for it, with `inputs(batch)` and `target(batch)`, or write the override `train_batch_loss(trainer, batch)`.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// A batch with a third tensor, `weight`, which may be an input or not.
#include <torch/torch.h>

#include <boost/hana.hpp>

#include "hone/hone.hpp"

struct Weighted {
#ifdef FIXED
  BOOST_HANA_DEFINE_STRUCT(Weighted, (torch::Tensor, x), (torch::Tensor, target));
#else
  BOOST_HANA_DEFINE_STRUCT(Weighted, (torch::Tensor, x), (torch::Tensor, target), (torch::Tensor, weight));
#endif
};

void train(std::vector<Weighted> batches) {
  hone::Trainer trainer{torch::nn::Linear{2, 2}, torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}};
  trainer.train(batches);
}
