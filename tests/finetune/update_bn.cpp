// SPDX-License-Identifier: Apache-2.0
#include "hone/finetune/update_bn.hpp"

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "hone/distributed/sync_batch_norm.hpp"
#include "moving_net.hpp"
#include "support/catch.hpp"

namespace {

using Batch = std::pair<torch::Tensor, torch::Tensor>;

struct NetImpl : torch::nn::Module {
  NetImpl() {
    to(torch::kDouble);
    const torch::NoGradGuard no_gradients;
    linear->weight.copy_(torch::arange(6.0, torch::kDouble).sin().reshape({2, 3}));
    linear->bias.copy_(torch::tensor({0.5, -0.25}, torch::kDouble));
  }
  torch::Tensor forward(const torch::Tensor& inputs) {
    ++num_calls;
    if (num_calls == fails_at) throw std::runtime_error("no");
    return norm(linear(inputs));
  }

  torch::nn::Linear linear = register_module("linear", torch::nn::Linear(3, 2));
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(2));
  int num_calls = 0;
  int fails_at = 0;
};
TORCH_MODULE(Net);

template <class Norm>
struct WithImpl : torch::nn::Module {
  WithImpl() { to(torch::kDouble); }
  torch::Tensor forward(const torch::Tensor& inputs) { return norm(inputs); }
  Norm norm = register_module("norm", Norm(3));
};
/// A module with the name of a batch norm, whose statistics cannot be reset.
struct OwnBatchNormImpl : torch::nn::Module {
  explicit OwnBatchNormImpl(int) : torch::nn::Module("OwnBatchNorm") {}
  torch::Tensor forward(const torch::Tensor& inputs) { return inputs; }
};
TORCH_MODULE(OwnBatchNorm);

std::vector<Batch> batches() {
  std::vector<Batch> all;
  std::int64_t k = 0;
  for (const std::int64_t n : {4, 4, 2}) {
    const double step = static_cast<double>(++k) * 0.37;
    all.emplace_back((torch::arange(3.0 * static_cast<double>(n), torch::kDouble) * step).cos().reshape({n, 3}),
                     torch::zeros({n}));
  }
  return all;
}

}  // namespace

TEST_CASE("the statistics after a pass over the batches equal PyTorch's, independent of the previous ones") {
  Net model;
  model->norm->running_mean.fill_(9.0);
  model->norm->num_batches_tracked.fill_(9);
  model->linear->train();
  model->norm->eval();
  hone::update_bn(batches(), model);
  CHECK(nets::near(model->norm->running_mean, {0.4505428505025705, -0.1832099293027836}, 1e-14));
  CHECK(nets::near(model->norm->running_var, {1.2011342690238542, 1.1254487563635982}, 1e-14));
  CHECK(model->norm->num_batches_tracked.item<int>() == 3);
  CHECK((model->is_training() && model->linear->is_training() && !model->norm->is_training()));
  CHECK(model->norm->options.momentum() == std::optional(0.1));
}

TEST_CASE("update_bn accepts batches without a target, and a module instead of its holder") {
  Net model;
  std::vector<torch::Tensor> inputs;
  for (const auto& batch : batches()) inputs.push_back(batch.first);
  hone::update_bn(inputs, *model);
  CHECK(nets::near(model->norm->running_mean, {0.4505428505025705, -0.1832099293027836}, 1e-14));
}

TEST_CASE("update_bn restores modes and momentum after an exception") {
  Net model;
  model->eval();
  model->fails_at = 2;
  CHECK_THROWS_AS(hone::update_bn(batches(), model), std::runtime_error);
  CHECK_FALSE((model->is_training() || model->norm->is_training()));
  CHECK(model->norm->options.momentum() == std::optional(0.1));
}

TEST_CASE("update_bn does not call a model without batch norms") {
  nets::MovingNet model;
  hone::update_bn(std::vector<Batch>(1), model);  // an undefined tensor, on which forward would throw
  CHECK(model->is_training());
}

TEST_CASE("SyncBatchNorm gets the statistics of BatchNorm1d, and a batch norm without support throws") {
  auto reference = std::make_shared<WithImpl<torch::nn::BatchNorm1d>>();
  auto synced = std::make_shared<WithImpl<hone::SyncBatchNorm>>();
  synced->norm->running_mean.fill_(9.0);
  hone::update_bn(batches(), reference);
  hone::update_bn(batches(), synced);
  CHECK(torch::allclose(synced->norm->running_mean, reference->norm->running_mean, 0.0, 1e-14));
  CHECK(torch::allclose(synced->norm->running_var, reference->norm->running_var, 0.0, 1e-14));
  CHECK(synced->norm->options.momentum() == 0.1);

  auto custom = std::make_shared<WithImpl<OwnBatchNorm>>();
  CHECK_THROWS_WITH(hone::update_bn(batches(), custom),
                    "update_bn: the statistics of 'norm' (OwnBatchNorm) cannot be reset. Derive the class from "
                    "hone::RunningStatistics.");
}
