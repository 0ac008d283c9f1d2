// SPDX-License-Identifier: Apache-2.0
#include "hone/loop/arrangement.hpp"

#include <torch/torch.h>

#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;
constexpr auto last = at::MemoryFormat::ChannelsLast;

TEST_CASE("a batch is arranged where its tensors are images, and copied only where it must be") {
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

TEST_CASE("a model's parameters and buffers are arranged and stay the same tensors") {
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

}  // namespace
