// SPDX-License-Identifier: Apache-2.0
/// A batch may have any type: here a custom struct with two inputs for the model. Boost.Hana declares its members.
/* prints:
 * 8 batches of 32 houses
 * loss ... -> ...
 * the same from a pipeline of ranges: ...
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <boost/hana.hpp>
#include <hone/hone.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/transform.hpp>

struct Houses {
  torch::Tensor area;   // [houses, 1]
  torch::Tensor place;  // [houses], the index of a district
  torch::Tensor price;  // [houses, 1], the target: the last tensor
};
BOOST_HANA_ADAPT_STRUCT(Houses, area, place, price);

struct PriceModelImpl : torch::nn::Module {
  torch::nn::Linear per_area{1, 1};
  torch::nn::Embedding per_place{4, 1};
  PriceModelImpl() {
    register_module("per_area", per_area);
    register_module("per_place", per_place);
  }
  torch::Tensor forward(const torch::Tensor& area, const torch::Tensor& place) {
    return per_area(area) + per_place(place);
  }
};
TORCH_MODULE(PriceModel);

int main() {
  torch::manual_seed(0);
  auto area = torch::rand({256, 1});
  auto place = torch::randint(4, {256});
  hone::TensorDataset houses{Houses{area, place, 3 * area + place.unsqueeze(1)}};

  auto trainer = hone::Trainer{PriceModel{}, torch::nn::MSELoss{}, hone::Adam{.lr = 0.05}};
  auto history = trainer.train(houses, hone::TrainOptions{.num_epochs = 20, .per_device_batch_size = 32, .seed = 0});
  const auto losses = history.values("train_loss_epoch");
  fmt::print("{} batches of 32 houses\n", trainer.run().config().num_train_batches_per_epoch.value());
  fmt::print("loss {:.3f} -> {:.3f}\n", losses.front().value, losses.back().value);

  // Any range of batches is accepted, also one without a size.
  hone::TensorLoader loader{houses, {.batch_size = 32, .shuffle = true, .seed = 1}};
  auto with_noise = [](Houses& batch) {
    return Houses{batch.area, batch.place, batch.price + 0.01 * torch::randn_like(batch.price)};
  };
  auto pipeline = ranges::views::transform(loader, with_noise) | ranges::views::take(4);
  fmt::print("the same from a pipeline of ranges: {:.3f}\n", trainer.train(pipeline).at("train_loss_epoch"));
}
