// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/distribution.hpp"

#include <torch/torch.h>

#include <ranges>

#include "hone/loop/trainer.hpp"
#include "hone/optim/sgd.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/trace.hpp"

namespace {

using torch::Tensor;

static_assert(!hone::ReducesGradients<hone::SingleProcess> && !hone::SumsOverProcesses<hone::SingleProcess>);
static_assert(hone::SingleProcess::rank() == 0 && hone::SingleProcess::world_size() == 1);

/// The second of two processes that see the same batches. Writes down what it is told.
struct Pair {
  using slot = hone::slots::Distribution;
  hone::Trace* trace = nullptr;
  std::size_t* num_parameters = nullptr;

  [[nodiscard]] static int rank() { return 1; }
  [[nodiscard]] static int world_size() { return 2; }
  void prepare(at::TensorList parameters) const {
    trace->push_back("prepare");
    *num_parameters = parameters.size();
  }
  void before_forward(bool update_follows) const { note("before_forward", update_follows); }
  void after_backward(bool update_follows) const { note("after_backward", update_follows); }
  void all_reduce_sum(const Tensor& values) const {
    trace->push_back("all_reduce_sum");
    Tensor(values).mul_(2);
  }

 private:
  void note(const char* what, bool update_follows) const {
    trace->push_back(std::string(what) + (update_follows ? " update" : ""));
  }
};
static_assert(hone::ReducesGradients<Pair> && hone::SumsOverProcesses<Pair>);

TEST_CASE("processes of the user's own are told the parameters once and surround each forward and backward") {
  hone::Trace trace;
  std::size_t num_parameters = 0;
  tiny::Net net, alone;
  auto trainer = hone::Trainer{net,
                               torch::nn::CrossEntropyLoss(),
                               hone::Sgd{.lr = 0.1},
                               hone::GradAccum<2>{},
                               Pair{&trace, &num_parameters},
                               hone::TracingCallback{&trace}};
  CHECK(num_parameters == 4);
  CHECK(trace == hone::Trace{"prepare", ".on_init_end"});
  trace.clear();
  const auto history = trainer.train(tiny::batches(3));
  const hone::Trace steps(trace.begin() + 2, trace.end() - 5);
  CHECK(steps ==
        hone::Trace{".on_train_step_start", "before_forward", ".on_train_loss", "after_backward", ".on_train_step_end",
                    ".on_resume_point",
                    //
                    ".on_train_step_start", "before_forward update", ".on_train_loss", "after_backward update",
                    ".on_before_optimizer_step", ".on_optimizer_step", ".on_train_step_end", ".on_resume_point",
                    // the short window at the end of the epoch
                    ".on_train_step_start", "before_forward update", ".on_train_loss", "after_backward update",
                    ".on_before_optimizer_step", ".on_optimizer_step", ".on_train_step_end", ".on_resume_point"});
  CHECK(trace[trace.size() - 5] == "all_reduce_sum");  // of the epoch's loss

  auto reference = hone::Trainer{alone, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::GradAccum<2>{}};
  CHECK(history.at("train_loss_epoch") == reference.train(tiny::batches(3)).at("train_loss_epoch"));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(alone)));
}

TEST_CASE("an evaluation sums its loss over the processes and reduces no gradients") {
  hone::Trace trace;
  std::size_t num_parameters = 0;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Pair{&trace, &num_parameters}};
  trace.clear();
  trainer.evaluate(tiny::batches(2));
  CHECK(trace == hone::Trace{"all_reduce_sum"});
}

TEST_CASE("the run's configuration knows the processes") {
  hone::Trace trace;
  std::size_t num_parameters = 0;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Pair{&trace, &num_parameters}};
  trainer.train(tiny::dataset(), {.per_device_batch_size = 3});
  const auto& config = trainer.run().config();
  CHECK(config.num_processes == 2);
  CHECK(config.process_index == 1);
  CHECK(config.is_distributed());
  CHECK(!trainer.run().is_world_process_zero());
  CHECK(config.train_total_batch_size() == 6);
  CHECK(config.num_update_steps_per_epoch == 4);  // of this process
}

}  // namespace
