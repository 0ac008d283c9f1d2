// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/threads.hpp"

#include <torch/torch.h>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

TEST_CASE("as many threads as the work keeps busy") {
  const auto threads = [](double multiplications, int available) {
    return hone::AutoThreads::threads_for(multiplications, available);
  };
  CHECK(threads(1e6, 8) == 1);
  CHECK(threads(7e6, 8) == 1);
  CHECK(threads(9e6, 8) == 2);
  CHECK(threads(1e12, 8) == 8);
  CHECK(threads(0.0, 8) == 8);  // not known
  CHECK(hone::Threads{.num_threads = 3}.threads_for(1e12, 8) == 3);
  CHECK(hone::KeepThreads::threads_for(1.0, 8) == 8);
  CHECK_THROWS_WITH(hone::Threads{.num_threads = 0}, "Threads::num_threads is 0. Give 1 or more.");
}

TEST_CASE("a run uses the threads that fit its work, what it was told, or the host's, and leaves the host's") {
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  const auto threads_of = [](auto policy, auto data, int told) {
    auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, policy};
    trainer.train(data, {.per_device_batch_size = 4, .num_threads = told});
    CHECK(at::get_num_threads() == 3);
    return trainer.run().config().num_threads;
  };
  CHECK(threads_of(hone::AutoThreads{}, tiny::dataset(), 0) == 1);
  CHECK(threads_of(hone::AutoThreads{}, tiny::dataset(), 2) == 2);
  CHECK(threads_of(hone::Threads{.num_threads = 2}, tiny::dataset(), 0) == 2);
  at::set_num_threads(before);
}

struct ThreadsInWords {
  using slot = hone::slots::Threads;
  static double threads_for(double, int) { return 1.5; }
};
static_assert(!hone::ThreadsPolicy<ThreadsInWords>);

}  // namespace
