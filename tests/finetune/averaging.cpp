// SPDX-License-Identifier: Apache-2.0
// Tests of the properties that ModelEma and Swa share.
#include "hone/finetune/averaging.hpp"

#include <torch/torch.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "fake_trainer.hpp"
#include "hone/finetune/model_ema.hpp"
#include "support/catch.hpp"

namespace {

using nets::close;
using nets::FakeTrainer;

static_assert(hone::checked_callback<hone::ModelEma<>>);

/// Records its events, and the model's weights at these events.
struct Listener {
  std::vector<std::string>* heard;
  std::vector<torch::Tensor>* weights;

  void on_training_run_start(const hone::TrainingRunStart&) { heard->push_back("start"); }
  void on_eval_epoch_start(const hone::EvalEpochStart&) { heard->push_back("eval"); }
  void on_eval_epoch_end(const hone::EvalEpochEnd& event) { event.run.history().record("own", 1.0, hone::Phase::eval); }
  void on_training_run_epoch_end(const auto& event) {
    CHECK(event.average_prefix == "ema_model_");
    heard->push_back("epoch");
    weights->push_back(event.trainer.model()->weight.detach().clone());
  }
  void on_optimizer_step(const hone::OptimizerStep&) { heard->push_back("update"); }
  void on_training_run_end(const auto& event) {
    heard->push_back("end");
    weights->push_back(event.trainer.model()->weight.detach().clone());
  }
};

}  // namespace

TEST_CASE("the averaged weights are evaluated after each epoch's evaluation, and recorded with a prefix") {
  FakeTrainer trainer;
  hone::ModelEma ema{.decay = 0.9};
  trainer.train(ema, 2);
  REQUIRE(trainer.seen().size() == 2);
  CHECK(close(trainer.seen()[0], nets::ema_of({0, 1, 2}, 0.9)));
  CHECK(close(trainer.seen()[1], nets::ema_of({0, 1, 2, 3, 4}, 0.9)));
  CHECK(torch::equal(trainer.model()->weight, nets::weights_at(4)));
  CHECK(trainer.history().names() == std::vector<std::string>{"ema_model_eval_loss_epoch"});
  CHECK(trainer.history().values("ema_model_eval_loss_epoch").size() == 2);
  CHECK(trainer.history().metric_name_prefix().empty());
}

TEST_CASE("the history's prefix precedes metric_prefix") {
  FakeTrainer trainer;
  trainer.history().set_metric_name_prefix("fold_1_");
  hone::ModelEma ema{.metric_prefix = "slow_"};
  trainer.train(ema, 1);
  CHECK(trainer.history().names() == std::vector<std::string>{"fold_1_slow_eval_loss_epoch"});
  CHECK(trainer.history().metric_name_prefix() == "fold_1_");
}

TEST_CASE("averaged weights are not evaluated if evaluate is false, or if the epoch has no evaluation") {
  FakeTrainer trainer;
  hone::ModelEma silent{.evaluate = false}, ema{};
  trainer.train(silent, 1);
  trainer.train(ema, 1, /*evaluates=*/false);
  trainer.notify<hone::EvalEpochEnd>(ema, 0.0);
  CHECK(trainer.seen().empty());
}

TEST_CASE("a run of evaluate does not use the average") {
  hone::RunDriver driver;
  driver.set_phase(hone::Phase::evaluation);
  FakeTrainer trainer;
  hone::ModelEma ema{};
  ema.notify(hone::EvalEpochEnd{{driver.run}, 0.0});
  CHECK(trainer.seen().empty());
  CHECK_THROWS_AS(ema.average(), std::logic_error);
}

TEST_CASE("averaged weights are not evaluated after a stop request") {
  FakeTrainer trainer;
  hone::ModelEma ema{};
  trainer.notify<hone::TrainingRunStart>(ema);
  trainer.run().request_stop("enough");
  trainer.train(ema, 1);
  CHECK(trainer.seen().empty());
}

TEST_CASE("inner callbacks get evaluation and epoch end with averaged weights, and run start and end without") {
  FakeTrainer trainer;
  std::vector<std::string> heard;
  std::vector<torch::Tensor> weights;
  hone::ModelEma ema{.decay = 0.9, .callbacks = hone::CallbackSet{Listener{&heard, &weights}}};
  trainer.train(ema, 1);
  CHECK(heard == std::vector<std::string>{"start", "eval", "epoch", "end"});
  CHECK(close(weights.at(0), nets::ema_of({0, 1, 2}, 0.9)));
  CHECK(torch::equal(weights.at(1), nets::weights_at(2)));
  CHECK(trainer.history().contains("ema_model_own"));
  CHECK(ema.listeners().get<Listener>().heard == &heard);

  trainer.train(ema, 1, /*evaluates=*/false);
  CHECK(heard == std::vector<std::string>{"start", "eval", "epoch", "end", "start", "epoch", "end"});
}

TEST_CASE("weights and prefix are restored if the evaluation throws") {
  FakeTrainer trainer;
  trainer.throws_in_evaluation = true;
  hone::ModelEma ema{};
  CHECK_THROWS_AS(trainer.train(ema, 1), std::runtime_error);
  CHECK(torch::equal(trainer.model()->weight, nets::weights_at(2)));
  CHECK(trainer.history().metric_name_prefix().empty());
  CHECK(ema.average().num_averaged() == 2);
}

TEST_CASE("refresh changes the buffers of the averaged model only") {
  FakeTrainer trainer;
  hone::ModelEma ema{.refresh = [&] { trainer.model()->running.fill_(5.0); }};
  trainer.train(ema, 1);
  CHECK(nets::near(ema.average().state().tensors[1].value, {5.0, 5.0}));
  CHECK_FALSE(nets::near(trainer.model()->running, {5.0, 5.0}));
}

TEST_CASE("apply_at_end leaves the averaged weights in the model") {
  FakeTrainer trainer;
  int num_refreshed = 0;
  hone::ModelEma ema{.decay = 0.9, .evaluate = false, .apply_at_end = true, .refresh = [&] { ++num_refreshed; }};
  trainer.train(ema, 1);
  CHECK(close(trainer.model()->weight.detach(), nets::ema_of({0, 1, 2}, 0.9)));
  CHECK(num_refreshed == 1);
}

TEST_CASE("each run restarts the average, unless reset_on_train is false") {
  const bool reset = GENERATE(true, false);
  FakeTrainer trainer;
  hone::ModelEma ema{.decay = 0.9, .reset_on_train = reset};
  trainer.train(ema, 1);
  trainer.train(ema, 1);
  CHECK(close(trainer.seen()[1], reset ? nets::ema_of({2, 3, 4}, 0.9) : nets::ema_of({0, 1, 2, 3, 4}, 0.9)));
}

TEST_CASE("a run resumes bitwise from a loaded state of the average") {
  FakeTrainer whole, resumed;
  hone::ModelEma one{.every_n = 3}, two{.every_n = 3};
  CHECK(two.state().average.tensors.empty());
  whole.train(one, 1);
  auto state = one.state();
  for (auto& tensor : state.average.tensors) tensor.value = tensor.value.clone();
  CHECK(state.num_notified == 2);
  two.load_state(state);
  CHECK(two.state().num_notified == 2);

  hone::ModelEma straight{.every_n = 3};
  FakeTrainer uninterrupted;
  uninterrupted.train(straight, 3);
  resumed.num_updates = 2;
  resumed.model()->move(2);
  resumed.train(two, 2);
  const auto expected = straight.state(), found = two.state();
  CHECK(expected.num_notified == found.num_notified);
  CHECK(expected.average.num_averaged == found.average.num_averaged);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(torch::equal(expected.average.tensors[i].value, found.average.tensors[i].value));
  }
}

TEST_CASE("a state of another model throws DataError when the run starts") {
  FakeTrainer trainer;
  hone::ModelEma ema{};
  ema.load_state({{{{"other", torch::ones({1})}}, 1}, 1});
  CHECK_THROWS_AS(trainer.train(ema, 1), hone::DataError);
}

TEST_CASE("copies of ModelEma share the average") {
  FakeTrainer trainer;
  hone::ModelEma ema{};
  auto copy = ema;
  trainer.train(copy, 1);
  CHECK(ema.average().num_averaged() == 2);
}
