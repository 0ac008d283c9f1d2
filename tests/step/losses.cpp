// SPDX-License-Identifier: Apache-2.0
#include "hone/step/losses.hpp"

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/catch.hpp"
#include "support/gan.hpp"

namespace {

struct WithItems {
  torch::Tensor loss;
  std::int64_t batch_size, num_items;
};

/// A loss with tensors.
struct Weighted {
  c10::Device device = c10::kCPU;
  torch::Tensor operator()(auto&, const torch::Tensor& batch) { return batch.mean(); }
  void to(c10::Device other) { device = other; }
};

}  // namespace

TEST_CASE("a loss step returns a tensor, or a struct with the loss, the batch size and the number of items") {
  auto losses = hone::Losses{
      hone::loss_for<"plain">([](double& model, const torch::Tensor& batch) { return batch.mean() * model; }),
      hone::loss_for<"counted">(
          [](double&, const torch::Tensor& batch) { return WithItems{batch.sum(), batch.size(0), batch.numel()}; })};
  static_assert(decltype(losses)::names == std::array<std::string_view, 2>{"plain", "counted"});
  static_assert(decltype(losses)::place_of<"counted"> == 1);
  double model = 2.0;
  const auto batch = torch::arange(6, torch::kFloat).reshape({3, 2});
  const auto output = hone::batch_loss(model, losses, batch);
  CHECK(output.batch_size == 3);
  CHECK(output.get<"plain">()->loss.item<float>() == 5.0F);
  CHECK(output.get<"plain">()->batch_size == 3);
  CHECK(output.get<"counted">()->num_items == 6);
  CHECK(output.loss.item<float>() == 20.0F);
}

TEST_CASE("losses that all have `every` above 1 throw std::invalid_argument") {
  const auto message = [] {
    try {
      hone::Losses losses{hone::loss_for<"a">(Weighted{}, {.every = 2}), hone::loss_for<"b">(Weighted{}, {.every = 3})};
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  }();
  CHECK(message ==
        "Each of the losses has `every` greater than 1, so some batches would have no update. Set `every` of one loss "
        "to 1.");
}

TEST_CASE("to() moves losses that have tensors") {
  auto losses = hone::Losses{hone::loss_for<"weighted">(Weighted{})};
  losses.to(c10::Device(c10::kMeta));
  CHECK(std::get<0>(losses.losses).loss.device == c10::Device(c10::kMeta));
}

TEST_CASE("losses and optimizers are compatible if they have the same names") {
  using Losses = decltype(gan::losses());
  using Right = decltype(gan::optimizers());
  using One = decltype(hone::Optimizers{hone::optimizer_for<"generator">(hone::Sgd{})});
  using Other = decltype(hone::Optimizers{hone::optimizer_for<"generator">(hone::Sgd{}),
                                          hone::optimizer_for<"critic">(hone::Sgd{})});
  CHECK(Losses::compatible_with_trainer<gan::Gan, Right>::value);
  CHECK_FALSE(Losses::compatible_with_trainer<gan::Gan, One>::value);
  CHECK_FALSE(Losses::compatible_with_trainer<gan::Gan, Other>::value);
  CHECK_FALSE(Losses::compatible_with_trainer<gan::Gan, hone::Sgd>::value);
}
