// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/execution.hpp"

#include <torch/torch.h>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/trace.hpp"

namespace {

/// A custom execution policy that records each call.
struct Counted {
  using slot = hone::slots::Execution;
  hone::Trace* trace = nullptr;

  template <class Compute, class Batch>
  auto run(Compute&& compute, Batch& batch) {
    trace->push_back("begin");
    auto output = compute(batch);
    trace->push_back("end");
    return output;
  }
};
static_assert(hone::ExecutionPolicy<Counted>);

TEST_CASE("Eager::run calls the function and returns its result") {
  int batch = 20;
  CHECK(hone::Eager::run([](int& b) { return b + 1; }, batch) == 21);
  static_assert(std::is_same_v<decltype(hone::Eager::run([](int& b) -> double { return b; }, batch)), double>);
}

TEST_CASE("a custom execution policy runs forward, loss, backward and update, and not the step's other hooks") {
  hone::Trace trace;
  tiny::Net net, eager;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::TracingCallback{&trace},
                               Counted{&trace}};
  trace.clear();
  trainer.train(tiny::batches(3));
  CHECK(std::count(trace.begin(), trace.end(), "begin") == 3);
  const hone::Trace step(trace.begin() + 2, trace.begin() + 9);
  CHECK(step == hone::Trace{".on_train_step_start", "begin", ".on_train_loss", ".on_before_optimizer_step",
                            ".on_optimizer_step", "end", ".on_train_step_end"});
  trainer.evaluate(tiny::batches(2));
  CHECK(std::count(trace.begin(), trace.end(), "begin") == 3);
  hone::Trainer{eager, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}}.train(tiny::batches(3));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(eager)));
}

struct RunsForNothing {
  using slot = hone::slots::Execution;
  static void run(auto&& compute, auto& batch) { compute(batch); }
};
static_assert(!hone::ExecutionPolicy<RunsForNothing>);

}  // namespace
