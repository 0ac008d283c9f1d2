// expect: hone: batch sizes are tried on a dataset with size() and get(i), and this is no such dataset: a range of batches has its batch size already.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// Batches cannot be made larger.
#include <torch/torch.h>

#include "hone/hone.hpp"
#include "hone/tune/batch_size_finder.hpp"

using Batch = std::pair<torch::Tensor, torch::Tensor>;
#ifdef FIXED
using Data = hone::TensorDataset<Batch>;
#else
using Data = std::vector<Batch>;
#endif

std::int64_t look(Data& data) {
  hone::Trainer trainer{torch::nn::Linear{2, 2}, torch::nn::MSELoss{}, hone::Sgd{}};
  return hone::find_batch_size(trainer, data);
}
