// SPDX-License-Identifier: Apache-2.0
#include "hone/tune/batch_size_finder.hpp"

#include <torch/torch.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "hone/hone.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using Search = hone::BatchSizeSearch;

/// Runs out of memory above `most` samples, and records the batch sizes.
struct NarrowImpl : torch::nn::Module {
  explicit NarrowImpl(std::int64_t samples) : most(samples) {}
  torch::Tensor forward(const torch::Tensor& inputs) {
    if (sizes.empty() || sizes.back() != inputs.size(0)) sizes.push_back(inputs.size(0));
    TORCH_CHECK_WITH(OutOfMemoryError, inputs.size(0) <= most, "the device is full");
    return layer(inputs);
  }
  std::int64_t most;
  std::vector<std::int64_t> sizes;
  torch::nn::Linear layer = register_module("layer", torch::nn::Linear(3, 2));
};
TORCH_MODULE(Narrow);

struct Found {
  std::int64_t size;
  std::vector<std::int64_t> tried;
};

Found find(std::int64_t most, const hone::BatchSizeFinderOptions& options, std::int64_t samples = 100) {
  Narrow model(most);
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{}, hone::AdamW{.lr = 0.1}, hone::CosineLr{}};
  const auto before = tiny::weights(model);
  const auto size = hone::find_batch_size(trainer, tiny::dataset(samples), options);
  CHECK(tiny::equal(tiny::weights(model), before));
  CHECK(trainer.optimizer().state()[0].fields.empty());
  CHECK(trainer.optimizer().lr() == 0.1);
  CHECK_FALSE(tiny::has_gradients(model));
  return {size, model->sizes};
}

}  // namespace

TEST_CASE("the batch size is doubled until it does not fit") {
  const auto found = find(37, {});
  CHECK(found.size == 32);
  CHECK(found.tried == std::vector<std::int64_t>{2, 4, 8, 16, 32, 64});
  CHECK(find(37, {.start = 5}).size == 20);
}

TEST_CASE("BatchSizeSearch::binary searches between the sizes that did and did not fit") {
  const auto found = find(37, {.mode = Search::binary});
  CHECK(found.size == 37);
  CHECK(found.tried == std::vector<std::int64_t>{2, 4, 8, 16, 32, 64, 48, 40, 36, 38, 37});
  for (std::int64_t most = 2; most < 20; ++most)
    CHECK(find(most, {.num_updates = 1, .mode = Search::binary}).size == most);
}

TEST_CASE("the batch size is limited by the dataset and by `max`") {
  CHECK(find(1000, {}, 100).size == 100);
  CHECK(find(1000, {.max = 50}).size == 50);
  CHECK(find(80, {.mode = Search::binary}, 90).size == 80);
  CHECK(find(70, {.max = 65, .mode = Search::binary}).size == 65);
  CHECK(find(1000, {.start = 8, .max = 8}).size == 8);
}

TEST_CASE("an error of the host allocator counts as out of memory") {
  struct Huge : torch::nn::Module {
    torch::nn::Linear layer = register_module("layer", torch::nn::Linear(3, 2));
    torch::Tensor forward(const torch::Tensor& inputs) {
      if (inputs.size(0) > 10) torch::empty({std::int64_t{1} << 60}, torch::kByte);
      return layer(inputs);
    }
  };
  hone::Trainer trainer{std::make_shared<Huge>(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}};
  CHECK(hone::find_batch_size(trainer, tiny::dataset(64), {.mode = Search::binary}) == 10);
}

TEST_CASE("find_batch_size throws for invalid options, and rethrows other errors") {
  CHECK(tiny::message_of<std::runtime_error>([] { find(1, {}); }) ==
        "Batches of 2 samples do not fit into memory. Set a smaller start, or use a smaller model.");
  CHECK(tiny::message_of<std::invalid_argument>([] { find(9, {.start = 0}); }) ==
        "start is 0. Set it to 1 or greater.");
  CHECK(tiny::message_of<std::invalid_argument>([] { find(9, {.start = 4, .max = 3}); }) ==
        "max is 3. Set it to 4 or greater.");
  CHECK(tiny::message_of<std::invalid_argument>([] { find(9, {.num_updates = 0}); }) ==
        "num_updates is 0. Set it to 1 or greater.");
  CHECK(tiny::message_of<std::invalid_argument>([] { find(9, {.start = 16}, 8); }) ==
        "start is 16, but the dataset has only 8 samples. Set it to at most 8.");
  hone::Trainer trainer{tiny::Net(), torch::nn::CrossEntropyLoss{}, hone::Sgd{}};
  const hone::TensorDataset<tiny::Batch> wrong{tiny::inputs(), tiny::labels() + 7};
  CHECK_THROWS_AS(hone::find_batch_size(trainer, wrong), hone::DataError);
}
