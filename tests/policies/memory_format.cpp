// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/memory_format.hpp"

#include <torch/torch.h>

#include "hone/data/tensor_loader.hpp"
#include "hone/optim/adam.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;
constexpr auto last = at::MemoryFormat::ChannelsLast;

/// Records whether its inputs are channels last.
struct ConvNet : torch::nn::Module {
  torch::nn::Conv2d conv = register_module("conv", torch::nn::Conv2d(3, 4, 3));
  torch::nn::Linear head = register_module("head", torch::nn::Linear(4 * 4 * 4, 2));
  std::vector<bool> seen;
  Tensor forward(const Tensor& images) {
    seen.push_back(images.is_contiguous(last));
    return head(torch::relu(conv(images)).flatten(1));
  }
};

std::shared_ptr<ConvNet> made() {
  torch::manual_seed(1);
  return std::make_shared<ConvNet>();
}

hone::TensorDataset<tiny::Batch> images(at::MemoryFormat format) {
  torch::manual_seed(2);
  return {torch::rand({20, 3, 6, 6}).contiguous(format), torch::arange(20).remainder(2)};
}

TEST_CASE("with ChannelsLast, batches and weights are channels last, and the trained weights are the same") {
  auto plain = made(), arranged = made(), from_arranged = made();
  const hone::TrainOptions options{.num_epochs = 2, .per_device_batch_size = 8, .seed = 3};
  const auto eval_set = images(at::MemoryFormat::Contiguous);
  hone::Trainer{plain, torch::nn::CrossEntropyLoss(), hone::Adam{}}.train(images(at::MemoryFormat::Contiguous),
                                                                          eval_set, options);
  auto trainer = hone::Trainer{arranged, torch::nn::CrossEntropyLoss(), hone::Adam{}, hone::ChannelsLast{}};
  CHECK(arranged->conv->weight.is_contiguous(last));
  trainer.train(images(at::MemoryFormat::Contiguous), eval_set, options);
  CHECK(trainer.predict(images(last)).size(0) == 20);
  hone::Trainer{from_arranged, torch::nn::CrossEntropyLoss(), hone::Adam{}, hone::ChannelsLast{}}.train(
      images(last), eval_set, options);
  CHECK(arranged->seen == std::vector<bool>(arranged->seen.size(), true));
  CHECK(from_arranged->seen == std::vector<bool>(from_arranged->seen.size(), true));
  CHECK(plain->seen == std::vector<bool>(plain->seen.size(), false));
  const auto of = [](const auto& model) { return tiny::weights(model); };
  CHECK(tiny::distance(of(plain), of(arranged)) < 1e-5);
  CHECK(tiny::equal(of(arranged), of(from_arranged)));
}

TEST_CASE("TensorLoader gathers a channels-last dataset into channels-last batches") {
  const auto set = images(last);
  hone::TensorLoader loader{set, {.batch_size = 8, .shuffle = true, .seed = 1}};
  hone::TensorLoader plain{images(at::MemoryFormat::Contiguous), {.batch_size = 8, .shuffle = true, .seed = 1}};
  auto expected = plain.begin();
  std::int64_t batches = 0;
  for (auto& [x, y] : loader) {
    CHECK(x.is_contiguous(last));
    CHECK(torch::equal(x, expected->first));
    CHECK(torch::equal(y, expected->second));
    ++expected;
    ++batches;
  }
  CHECK(batches == 3);
}

static_assert(!hone::MemoryFormatPolicy<hone::Cpu>);

}  // namespace
