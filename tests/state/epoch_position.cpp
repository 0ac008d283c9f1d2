// SPDX-License-Identifier: Apache-2.0
#include "hone/state/epoch_position.hpp"

#include <torch/torch.h>

#include <optional>
#include <vector>

#include "hone/checkpoint/archive.hpp"
#include "hone/data/tensor_loader.hpp"
#include "support/catch.hpp"

namespace {

using hone::EpochPosition;

auto loader(std::int64_t batch_size, int world_size, std::int64_t samples = 27) {
  return hone::TensorLoader(hone::TensorDataset(torch::arange(samples)),
                            {.batch_size = batch_size, .share = {0, world_size}});
}

/// The position noted after `batches` batches, after saving and loading its state.
EpochPosition noted(const auto& range, std::int64_t batches, int world_size, EpochPosition place = {}) {
  place.note(range, batches, world_size);
  EpochPosition read;
  hone::load_state_of(read, hone::state_of(place));
  return read;
}

TEST_CASE("the same batches are skipped; with other batches the remaining samples are repartitioned") {
  auto place = noted(loader(4, 2), 2, 2);  // 16 samples
  CHECK(place.go_on(loader(4, 2), 2, 2, 4) == 4);
  CHECK(!place.cut());
  CHECK(place.go_on(loader(5, 1), 2, 1, 6) == 2 + 3);  // 11 samples left
  CHECK(place.cut() == 16);
  CHECK(place.samples_after(loader(5, 1), 2) == 16);
  CHECK(place.samples_after(loader(5, 1), 4) == 26);
  CHECK(place.samples_after(loader(5, 1), 5) == 27);

  place = noted(loader(5, 1), 3, 1, place);            // 21
  CHECK(place.go_on(loader(5, 1), 3, 1, 6) == 3 + 2);  // after a repartition, by samples
  CHECK(place.cut() == 21);
}

TEST_CASE("a complete epoch stays complete after a repartition") {
  auto place = noted(loader(4, 2), 4, 2);
  CHECK(place.go_on(loader(2, 1), 4, 1, 14) == 4);
  CHECK(place.cut() == 27);
}

TEST_CASE("a limit on batches applies to the whole epoch") {
  auto place = noted(loader(4, 2), 2, 2);
  CHECK(place.go_on(loader(1, 1), 2, 1, 5) == 5);
  place = noted(loader(4, 2), 2, 2);
  CHECK(place.go_on(loader(1, 1), 2, 1, 27) == 2 + 11);
}

TEST_CASE("ranges that are not loaders resume by batches, only with the same number of ranks") {
  const std::vector<at::Tensor> range(3);
  auto place = noted(range, 2, 2);
  CHECK(place.go_on(range, 2, 2, 3) == 3);
  CHECK(place.go_on(range, 2, 2, std::nullopt) == std::nullopt);
  CHECK_THROWS_WITH(place.go_on(range, 4, 2, 3),
                    "The run resumes after batch 4 of the epoch, but the loader has 3. Resume with the same data.");
  CHECK_THROWS_AS(place.go_on(range, 2, 1, 3), hone::DataError);
  CHECK_THROWS_AS(place.go_on(loader(4, 1), 2, 1, 3), hone::DataError);
}

TEST_CASE("invalid positions throw DataError") {
  auto state = hone::state_of(*std::make_unique<EpochPosition>());
  state.set("cut_batches", -1);
  EpochPosition place;
  CHECK_THROWS_AS(hone::load_state_of(place, state), hone::DataError);
  auto beyond = noted(loader(4, 2), 2, 2);
  CHECK_THROWS_AS(beyond.go_on(loader(4, 1, 10), 2, 1, 3), hone::DataError);
}

static_assert(!hone::KnowsItsCut<std::vector<int>>);

}  // namespace
