// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/threads.hpp"

#include <torch/torch.h>

#include "hone/callbacks/filters.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

TEST_CASE("AutoThreads computes the number of threads from the multiplications of a step") {
  const auto threads = [](double multiplications, int available) {
    return hone::AutoThreads::threads_for(multiplications, available);
  };
  CHECK(threads(1e6, 8) == 1);
  CHECK(threads(7e6, 8) == 1);
  CHECK(threads(9e6, 8) == 2);
  CHECK(threads(1e12, 8) == 8);
  CHECK(threads(0.0, 8) == 8);  // unknown
  CHECK(hone::Threads{.num_threads = 3}.threads_for(1e12, 8) == 3);
  CHECK(hone::KeepThreads::threads_for(1.0, 8) == 8);
  CHECK_THROWS_WITH(hone::Threads{.num_threads = 0}, "Threads::num_threads is 0. Set it to 1 or greater.");
}

TEST_CASE("a run uses the policy's number of threads or TrainOptions::num_threads, and restores it afterwards") {
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  const auto threads_of = [](auto policy, auto data, int told) {
    int used = 0;
    auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, policy,
                                 hone::on<hone::TrainStepEnd>([&](const auto&) { used = at::get_num_threads(); })};
    trainer.train(data, {.per_device_batch_size = 4, .num_threads = told});
    CHECK(at::get_num_threads() == 3);
    CHECK(trainer.run().config().num_threads == used);
    return used;
  };
  CHECK(threads_of(hone::AutoThreads{}, tiny::dataset(), 0) == 1);
  CHECK(threads_of(hone::AutoThreads{}, tiny::dataset(), 2) == 2);
  CHECK(threads_of(hone::Threads{.num_threads = 2}, tiny::dataset(), 0) == 2);
  CHECK(threads_of(hone::KeepThreads{}, tiny::dataset(), 0) == 3);
  CHECK(threads_of(hone::KeepThreads{}, tiny::dataset(), 2) == 2);
  at::set_num_threads(before);
}

struct ThreadsInWords {
  using slot = hone::slots::Threads;
  static double threads_for(double, int) { return 1.5; }
};
static_assert(!hone::ThreadsPolicy<ThreadsInWords>);

}  // namespace
