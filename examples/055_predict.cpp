// SPDX-License-Identifier: Apache-2.0
/// A predictor needs only a model: no loss, no optimizer, and no parameter that requires a gradient. It returns one
/// tensor with a row for each sample, in the order of the data.
/* prints:
 * outputs [1000, 3] in batches of 256
 * class counts add up to 1000
 */
#include <fmt/core.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

int main() {
  torch::manual_seed(1);
  torch::nn::Sequential model(torch::nn::Linear(8, 16), torch::nn::ReLU(), torch::nn::Linear(16, 3));
  for (auto& parameter : model->parameters()) parameter.set_requires_grad(false);  // frozen, as in production

  const hone::TensorDataset data{torch::randn({1000, 8})};
  auto predictor = hone::Predictor{model};
  const torch::Tensor outputs = predictor.predict(data, {.per_device_batch_size = 256});

  fmt::print("outputs [{}, {}] in batches of 256\n", outputs.size(0), outputs.size(1));
  fmt::print("class counts add up to {}\n", outputs.argmax(1).bincount({}, 3).sum().item<std::int64_t>());
}
