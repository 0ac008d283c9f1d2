// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/denormals.hpp"

#include <torch/torch.h>

#include <atomic>
#include <limits>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

/// Returns whether this processor can flush denormals, and warns if it cannot.
bool can_flush() {
  if (!hone::FlushBits::is_supported) WARN("skipped: denormals are flushed on x86-64 and ARM64 only");
  return hone::FlushBits::is_supported;
}

/// Half the smallest normal number: 0 if the current thread flushes denormals.
float half_of_smallest() {
  volatile float smallest = std::numeric_limits<float>::min();
  return smallest * 0.5F;
}

/// Returns the number of threads of LibTorch's pool that flush denormals.
int num_flushing() {
  std::atomic<int> flushing = 0;
  const auto places = torch::empty({at::get_num_threads()}, torch::kByte);
  auto work = at::TensorIteratorConfig().check_all_same_dtype(false).resize_outputs(false).add_output(places).build();
  work.for_each(
      [&](char**, const std::int64_t*, std::int64_t n) {
        if (hone::FlushBits::get() == hone::FlushBits::all) flushing += static_cast<int>(n);
      },
      1);
  return flushing;
}

/// Records the result of `half_of_smallest` in each forward pass.
struct Watching : torch::nn::Module {
  torch::nn::Linear layer = register_module("layer", torch::nn::Linear(3, 2));
  std::vector<float> seen;
  torch::Tensor forward(const torch::Tensor& inputs) {
    seen.push_back(half_of_smallest());
    return layer(inputs);
  }
};

TEST_CASE("denormals are flushed during runs and during a custom loop's steps, and not after them") {
  if (!can_flush()) return;
  auto model = std::make_shared<Watching>();
  auto trainer = hone::Trainer{model, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}};
  trainer.train(tiny::batches(1), tiny::batches(1));
  trainer.evaluate(tiny::batches(1));
  trainer.predict(tiny::batches(1));
  trainer.step(tiny::batches(1)[0]);
  CHECK(model->seen == std::vector<float>(5, 0.0F));
  CHECK(half_of_smallest() > 0.0F);

  trainer.model()->seen.clear();
  auto failing = tiny::batches(1);
  failing[0].first = torch::ones({4, 7});
  CHECK_THROWS(trainer.train(failing));
  CHECK(half_of_smallest() > 0.0F);
}

TEST_CASE("a thread that flushes before a run flushes after it, and KeepDenormals changes nothing") {
  if (!can_flush()) return;
  auto model = std::make_shared<Watching>();
  auto keeping = hone::Trainer{model, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::KeepDenormals{},
                               hone::KeepThreads{}};
  keeping.train(tiny::batches(1));
  keeping.step(tiny::batches(1)[0]);
  REQUIRE(model->seen.size() == 2);
  CHECK(model->seen[0] > 0.0F);
  CHECK(model->seen[1] > 0.0F);
  const hone::FlushGuard host;
  {
    const hone::TeamFlushGuard run;
    CHECK(half_of_smallest() == 0.0F);
  }
  CHECK(half_of_smallest() == 0.0F);
  keeping.train(tiny::batches(1));
  CHECK(model->seen.back() == 0.0F);
}

TEST_CASE("TeamFlushGuard flushes denormals in every thread of LibTorch's pool during its lifetime") {
  if (!can_flush()) return;
  const int before = at::get_num_threads();
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    CHECK(num_flushing() == 0);
    {
      const hone::TeamFlushGuard guard;
      CHECK(num_flushing() == threads);
    }
    CHECK(num_flushing() == 0);
  }
  at::set_num_threads(before);
}

#if defined(__SSE2__)
TEST_CASE("the guards restore FTZ and DAZ separately in every thread") {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  for (const hone::FlushBits::Bits bits : {0x8000U, 0x0040U}) {  // only FTZ, only DAZ
    hone::FlushBits::set(bits);
    {
      const hone::TeamFlushGuard run;
      CHECK(num_flushing() == 2);
    }
    CHECK(hone::FlushBits::get() == bits);
    CHECK(num_flushing() == 0);
    {
      const hone::FlushGuard step;
      CHECK(hone::FlushBits::get() == hone::FlushBits::all);
    }
    CHECK(hone::FlushBits::get() == bits);
  }
  hone::FlushBits::set(0);
  at::set_num_threads(before);
}
#endif

TEST_CASE("FlushBits::all are the bits that LibTorch's setFlushDenormal sets") {
  if (!can_flush()) return;
  REQUIRE(at::globalContext().setFlushDenormal(true));
  CHECK(hone::FlushBits::get() == hone::FlushBits::all);
  at::globalContext().setFlushDenormal(false);
  CHECK_FALSE(hone::FlushBits::get() == hone::FlushBits::all);
}

struct OverStepsAlone {
  using slot = hone::slots::Denormals;
  hone::NoScope over_step() const { return {}; }
};
static_assert(!hone::DenormalsPolicy<OverStepsAlone>);

}  // namespace
