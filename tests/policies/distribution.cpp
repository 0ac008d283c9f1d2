// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/distribution.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/trace.hpp"

namespace {

using torch::Tensor;

static_assert(!hone::ReducesGradients<hone::SingleProcess> && !hone::SumsAcrossRanks<hone::SingleProcess>);
static_assert(hone::SingleProcess::rank() == 0 && hone::SingleProcess::world_size() == 1);

/// Rank 1 of two ranks that see the same batches. Records its calls.
struct Pair {
  using slot = hone::slots::Distribution;
  hone::Trace* trace = nullptr;
  std::vector<double> numbers = {};

  [[nodiscard]] static int rank() { return 1; }
  [[nodiscard]] static int world_size() { return 2; }
  template <class Model>
  void start(Model&) const {
    trace->push_back("start");
  }
  void before_forward(bool update_follows) const { note("before_forward", update_follows); }
  template <class Backward>
  void backward(const Tensor& loss, bool update_follows, Backward&& pass) const {
    pass(loss);
    note("backward", update_follows);
  }
  void average_gradients() const { trace->push_back("average_gradients"); }
  void begin_all_reduce_sum(std::span<const double> given) {
    trace->push_back("begin_all_reduce_sum");
    numbers.assign(given.begin(), given.end());
    for (auto& number : numbers) number *= 2;
  }
  std::span<const double> end_all_reduce_sum() {
    trace->push_back("end_all_reduce_sum");
    return numbers;
  }
  void broadcast_buffers() const { trace->push_back("broadcast_buffers"); }
  [[nodiscard]] std::vector<Tensor> all_gather(const Tensor& rows) const { return {rows, rows}; }
  [[nodiscard]] std::vector<std::string> all_gather_strings(std::string_view text) const {
    return {std::string(text), std::string(text)};
  }
  void require_agreement(std::string_view what, std::string_view, std::string_view) const {
    trace->push_back("agreement on the " + std::string(what));
  }
  void fail(std::string_view why) const { trace->push_back("fail: " + std::string(why)); }
  void all_reduce_sum(const Tensor& values) const {
    trace->push_back("all_reduce_sum");
    Tensor(values).mul_(2);
  }

 private:
  void note(const char* what, bool update_follows) const {
    trace->push_back(std::string(what) + (update_follows ? " update" : ""));
  }
};
static_assert(hone::ReducesGradients<Pair> && hone::SumsAcrossRanks<Pair>);

TEST_CASE("a custom distribution policy starts once with the model and wraps each forward and backward") {
  hone::Trace trace;
  tiny::Net net, alone;
  auto trainer = hone::Trainer{net,          torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::GradAccum<2>{},
                               Pair{&trace}, hone::TracingCallback{&trace}};
  CHECK(trace == hone::Trace{"start", ".on_init_end"});
  trace.clear();
  const auto history = trainer.train(tiny::batches(3));
  const auto begin = std::ranges::find(trace, ".on_train_step_start");
  const auto end = std::ranges::find(trace, ".on_train_epoch_end");
  CHECK(std::ranges::count(trace.begin(), begin, "agreement on the run's options") == 1);
  const hone::Trace steps(begin, end);
  CHECK(steps ==
        hone::Trace{".on_train_step_start", "before_forward", ".on_train_loss", "begin_all_reduce_sum",
                    "end_all_reduce_sum", "backward",
                    ".on_train_step_end",  // no resume point within an accumulation window
                    //
                    ".on_train_step_start", "before_forward update", ".on_train_loss", "begin_all_reduce_sum",
                    "backward update", "end_all_reduce_sum", ".on_before_optimizer_step", "begin_all_reduce_sum",
                    "end_all_reduce_sum", ".on_optimizer_step", ".on_train_step_end", ".on_resume_point",
                    // the short accumulation window at the end of the epoch
                    ".on_train_step_start", "before_forward update", ".on_train_loss", "begin_all_reduce_sum",
                    "backward update", "end_all_reduce_sum", ".on_before_optimizer_step", "begin_all_reduce_sum",
                    "end_all_reduce_sum", ".on_optimizer_step", ".on_train_step_end", ".on_resume_point",  //
                    "all_reduce_sum"});  // of the epoch's loss

  auto reference = hone::Trainer{alone, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::GradAccum<2>{}};
  CHECK(history.at("train_loss_epoch") == reference.train(tiny::batches(3)).at("train_loss_epoch"));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(alone)));
}

TEST_CASE("without a hook before the update, the ranks exchange numbers once for each update") {
  hone::Trace trace;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Pair{&trace}};
  auto batches = tiny::batches(2);
  trainer.step(batches[0]);
  trace.clear();
  trainer.step(batches[1]);
  CHECK(trace == hone::Trace{"before_forward update", "begin_all_reduce_sum", "backward update", "end_all_reduce_sum"});
}

TEST_CASE("an exception in a run is reported to the other ranks") {
  hone::Trace trace;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Pair{&trace}};
  CHECK_THROWS_AS(trainer.train(tiny::batches(0)), hone::DataError);
  CHECK(trace.back().starts_with("fail: The training data is a range of 0 batches"));
}

TEST_CASE("an evaluation sums its loss over the ranks and does not reduce gradients") {
  hone::Trace trace;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Pair{&trace}};
  trace.clear();
  trainer.evaluate(tiny::batches(2));
  CHECK(std::ranges::count(trace, "all_reduce_sum") == 1);
  CHECK(std::ranges::count(trace, "broadcast_buffers") == 1);
  CHECK(std::ranges::none_of(trace, [](const auto& word) { return word.starts_with("backward"); }));
}

TEST_CASE("RunConfig contains the rank and the number of ranks") {
  hone::Trace trace;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Pair{&trace}};
  trainer.train(tiny::dataset(), {.per_device_batch_size = 3});
  const auto& config = trainer.run().config();
  CHECK(config.num_processes == 2);
  CHECK(config.process_index == 1);
  CHECK(config.is_distributed());
  CHECK(!trainer.run().is_world_process_zero());
  CHECK(config.train_total_batch_size() == 6);
  CHECK(config.num_updates_per_epoch == 2);  // of this rank
}

struct HasRankAlone {
  using slot = hone::slots::Distribution;
  static int rank() { return 0; }
};
static_assert(!hone::DistributedPolicy<HasRankAlone>);

}  // namespace
