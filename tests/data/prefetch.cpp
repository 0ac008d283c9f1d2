// SPDX-License-Identifier: Apache-2.0
#include "hone/data/prefetch.hpp"

#include <torch/torch.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;
static_assert(hone::TransferPolicy<hone::Prefetch> && !hone::TransferPolicy<hone::Cpu>);

/// A dataset that counts its calls of `get` and may throw.
struct Samples {
  std::atomic<int>* made;
  std::int64_t failing = -1;
  std::thread::id* thread = nullptr;

  [[nodiscard]] std::int64_t size() const { return 12; }
  [[nodiscard]] tiny::Batch get(std::int64_t i) const {
    if (i == failing) throw std::runtime_error("sample 7 is torn");
    ++*made;
    if (thread != nullptr) *thread = std::this_thread::get_id();
    return {tiny::inputs()[i], tiny::labels()[i]};
  }
};

TEST_CASE("Prefetched reads at most `depth` batches ahead, in order, in another thread") {
  std::atomic<int> made = 0;
  std::thread::id maker;
  hone::IndexedLoader loader(Samples{&made, -1, &maker}, {.batch_size = 2});
  hone::Prefetched prefetched(loader, 2);
  for (int pass = 0; pass < 2; ++pass) {
    made = 0;
    std::int64_t count = 0;
    for (auto& [x, y] : prefetched) {
      CHECK(torch::equal(x, tiny::inputs().slice(0, 2 * count, 2 * count + 2)));
      ++count;
      CHECK(made <= 2 * (count + 3));  // one in use, two ready, one in progress
    }
    CHECK(count == 6);
    CHECK(maker != std::this_thread::get_id());
  }
}

TEST_CASE("Prefetched copies batches that the loader overwrites") {
  hone::TensorLoader loader{tiny::dataset(), {.batch_size = 4, .shuffle = true, .seed = 1}};
  hone::TensorLoader same{tiny::dataset(), {.batch_size = 4, .shuffle = true, .seed = 1}};
  hone::Prefetched prefetched(loader, 3);
  auto expected = same.begin();
  for (auto& [x, y] : prefetched) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // lets the loader get ahead
    CHECK(torch::equal(x, expected->first));
    CHECK(torch::equal(y, expected->second));
    ++expected;
  }
}

TEST_CASE("Prefetched rethrows an exception of the range when its batch is due, and a pass may stop early") {
  std::atomic<int> made = 0;
  hone::IndexedLoader loader(Samples{&made, 7}, {.batch_size = 2});
  int seen = 0;
  const auto walk = [&](int most) {
    hone::Prefetched prefetched(loader, 4);
    for ([[maybe_unused]] auto& batch : prefetched) {
      if (++seen == most) return;
    }
  };
  CHECK_THROWS_WITH(walk(100), "sample 7 is torn");
  CHECK(seen == 3);
  seen = 0;
  CHECK_NOTHROW(walk(2));
  CHECK_THROWS_WITH(hone::Prefetched(loader, 0), "Prefetch::depth is 0. Set it to 1 or greater.");
  hone::TensorLoader at_once(hone::TensorDataset{torch::ones({4, 1})}, {.batch_size = 2});
  CHECK_THROWS_WITH(hone::Prefetch{.depth = 0}.over(at_once, hone::Cpu{}),
                    "Prefetch::depth is 0. Set it to 1 or greater.");
}

/// Keeps the training state after `update` updates.
struct KeepsState {
  std::int64_t update;
  std::optional<hone::Dict>* state;
  void on_resume_point(const auto& event) {
    if (event.run.num_updates() == update) *state = hone::cloned(event.trainer.training_state());
  }
};

TEST_CASE("training with Prefetch is bit-identical to training without it, also if resumed within an epoch") {
  std::atomic<int> made = 0;
  const Samples data{&made};
  tiny::Net direct, ahead, resumed;
  hone::Trainer{direct, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}}.train(
      data, data, {.num_epochs = 2, .per_device_batch_size = 2, .seed = 5});
  auto trainer = hone::Trainer{ahead, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::Prefetch{.depth = 3}};
  trainer.train(data, data, {.num_epochs = 2, .per_device_batch_size = 2, .seed = 5});
  CHECK(tiny::equal(tiny::weights(direct), tiny::weights(ahead)));

  std::optional<hone::Dict> state;
  auto other = hone::Trainer{resumed, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::Prefetch{.depth = 3},
                             KeepsState{8, &state}};
  other.train(data, {.num_epochs = 2, .per_device_batch_size = 2, .seed = 5});
  REQUIRE(state);
  made = 0;
  other.resume(*state, data, {.num_epochs = 2, .per_device_batch_size = 2, .seed = 5});
  CHECK(made == 10);  // one of the two skipped batches was made
  CHECK(tiny::equal(tiny::weights(direct), tiny::weights(resumed)));
}

TEST_CASE("Prefetch returns a TensorLoader unchanged") {
  hone::TensorLoader loader{tiny::dataset(), {.batch_size = 4}};
  CHECK(&hone::Prefetch{}.over(loader, 0) == &loader);
}

}  // namespace
