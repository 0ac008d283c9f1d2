// SPDX-License-Identifier: Apache-2.0
#include "hone/step/tensor_format.hpp"

#include <torch/torch.h>

#include <array>
#include <map>
#include <optional>

#include "hone/optim/sgd.hpp"
#include "hone/precision/pure.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/other_device.hpp"

namespace {

using torch::Tensor;
constexpr auto last = at::MemoryFormat::ChannelsLast;

TEST_CASE("4-d tensors of a batch are converted to channels last, and copied only if necessary") {
  const tiny::Batch batch{torch::rand({2, 3, 4, 5}), torch::ones({2}, torch::kInt64)};
  const auto arranged = hone::arranged_batch<hone::ChannelsLast>(batch);
  CHECK(arranged.first.is_contiguous(last));
  CHECK(torch::equal(arranged.first, batch.first));
  CHECK(arranged.second.is_same(batch.second));
  CHECK(batch.first.is_contiguous());
  CHECK(hone::arranged_batch<hone::ChannelsLast>(arranged).first.is_same(arranged.first));
  const auto volume = hone::arranged_tensor<hone::ChannelsLast3d>(torch::rand({2, 3, 4, 5, 6}));
  CHECK(volume.is_contiguous(at::MemoryFormat::ChannelsLast3d));
}

TEST_CASE("a model's parameters and buffers are converted in place") {
  torch::nn::Conv2d model(3, 6, 5);
  model->register_buffer("mask", torch::rand({1, 3, 4, 4}));
  const auto before = model->weight.detach().clone();
  const Tensor handle = model->weight;
  hone::arrange_model<hone::ChannelsLast>(*model);
  CHECK(handle.is_same(model->weight));
  CHECK(handle.is_contiguous(last));
  CHECK(handle.requires_grad());
  CHECK(torch::equal(handle, before));
  CHECK(model->buffers()[0].is_contiguous(last));
  CHECK(model->bias.is_contiguous());
}

TEST_CASE("tensors in maps, optionals, containers and nested members are converted") {
  using Named = std::map<std::string, Tensor>;
  const std::tuple<Named, std::optional<Tensor>, std::array<std::pair<Tensor, int>, 1>> batch{
      {{"x", torch::ones({2})}}, torch::ones({2}), {{{torch::ones({2}), 7}}}};
  const auto converted = hone::arranged_batch<hone::Fp64>(batch);
  int count = 0;
  hone::for_each_tensor(converted, [&](const Tensor& tensor) {
    CHECK(tensor.scalar_type() == torch::kDouble);
    ++count;
  });
  CHECK(count == 3);
  CHECK(std::get<2>(converted)[0].second == 7);
  CHECK(std::get<0>(batch).at("x").scalar_type() == torch::kFloat);
}

/// Adds 100 to each tensor that is moved to the device.
struct Marked : OtherDevice {
  using OtherDevice::move;
  template <hone::HoldsTensors Batch>
  [[nodiscard]] static hone::OwnedBatch<Batch> move(Batch& batch) {
    return hone::map_tensors(batch, [](const Tensor& tensor) { return tensor + 100; });
  }
};
struct SumsMap {
  struct Output {
    Tensor loss;
    std::int64_t batch_size;
  };
  double* seen;
  Output train_batch_loss(auto& trainer, auto& batch) const {
    *seen = batch.at("x").template item<double>() + batch.at("y").template item<double>();
    return {trainer.model()->forward(batch.at("x").view({1, 1})).sum(), 1};
  }
};

TEST_CASE("a batch that is a map of tensors is moved to the device") {
  double seen = 0.0;
  const std::vector<std::map<std::string, Tensor>> batches{{{"x", torch::tensor({1.f})}, {"y", torch::tensor({2.f})}}};
  hone::Trainer trainer{torch::nn::Linear(1, 1), hone::NoLoss{}, hone::Sgd{.lr = 0.0}, Marked{}, SumsMap{&seen}};
  trainer.train(batches);
  CHECK(seen == 203.0);
}

}  // namespace
