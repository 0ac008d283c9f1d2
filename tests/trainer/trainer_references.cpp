// SPDX-License-Identifier: Apache-2.0
/// Tests of callbacks that the caller owns, and of overrides that the trainer owns.
#include <torch/torch.h>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/metrics.hpp"
#include "hone/metrics/accuracy.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

struct Losses {
  std::vector<double> values{};
  void on_train_step_end(const auto& event) { values.push_back(event.output.loss.template item<double>()); }
};
struct Updates {
  int count = 0;
  void on_optimizer_step(const hone::OptimizerStep&) { ++count; }
};
struct CountsBackward {
  int count = 0;
  void backward(auto& trainer, const torch::Tensor& loss) {
    ++count;
    trainer.backward(loss);
  }
};

TEST_CASE("callbacks passed by reference or shared pointer have the results after the run") {
  Losses losses;
  auto updates = std::make_shared<Updates>();
  hone::Metrics metrics{hone::Accuracy{}};
  auto trainer = hone::Trainer{tiny::Net(),      torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1},
                               std::ref(losses), hone::every<2>(updates),       std::ref(metrics)};
  const auto history = trainer.train(tiny::batches(4), tiny::batches(1), {.num_epochs = 2});
  CHECK(losses.values.size() == 8);
  CHECK(updates->count == 4);
  CHECK(metrics.get<hone::Accuracy>().value() == history.at("eval_accuracy_epoch"));
  CHECK(&trainer.callbacks().get<Losses>() == &losses);

  auto moved = std::move(trainer);
  losses.values.clear();
  moved.train(tiny::batches(3));
  CHECK(losses.values.size() == 3);
}

TEST_CASE("the trainer's type can name a callback by reference") {
  Updates updates;
  using Trainer = hone::Trainer<tiny::Net, torch::nn::CrossEntropyLoss, hone::Sgd,
                                hone::Callbacks<hone::CallbackReference<Updates>, Updates>>;
  Trainer trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, std::ref(updates)};
  trainer.train(tiny::batches(3));
  CHECK(updates.count == 3);
}

TEST_CASE("overrides() returns the overrides with their state after a run") {
  auto trainer =
      hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, CountsBackward{.count = 100}};
  trainer.train(tiny::batches(3));
  CHECK(std::as_const(trainer).overrides().count == 103);
  trainer.overrides().count = 0;
  trainer.train(tiny::batches(2));
  CHECK(trainer.overrides().count == 2);
  static_assert(std::is_same_v<decltype(trainer.overrides()), CountsBackward&>);
}

}  // namespace
