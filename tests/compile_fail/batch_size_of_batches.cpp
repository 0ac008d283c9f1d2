// expect: hone: find_batch_size needs a dataset with size() and get(i). The batch size of a range of batches is fixed.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The batch size finder with a range of batches, whose batch size is fixed.
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
