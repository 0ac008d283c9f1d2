// SPDX-License-Identifier: Apache-2.0
/// Calls of a trainer's public functions from its own callbacks.
#include "hone/step/activity.hpp"

#include <torch/torch.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/log_metrics.hpp"
#include "hone/callbacks/metrics.hpp"
#include "hone/metrics/accuracy.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "hone/tune/trial_run.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

/// Calls a function in each hook of training and of the evaluations within it.
struct InEachHook {
  std::function<void(const std::string&)> act;

#define HONE_ACT(hook, Event)                                 \
  void hook(const hone::Event& event) {                       \
    if (act && is_of_training(event.run.phase())) act(#hook); \
  }
  HONE_HOOKS(HONE_ACT)
#undef HONE_ACT
};

auto trainer_of(tiny::Net net, std::vector<int>* updates) {
  return hone::Trainer{net,
                       torch::nn::CrossEntropyLoss(),
                       hone::Sgd{.lr = 0.1, .momentum = 0.9},
                       hone::GradAccum<2>{},
                       hone::Metrics{hone::Accuracy{}}.in_training(),
                       InEachHook{},
                       hone::every<3>(hone::on<hone::TrainStepEnd>([updates](const auto& event) {
                         updates->push_back(static_cast<int>(event.run.num_updates()));
                       }))};
}

hone::RunHistory trained(auto& trainer) {
  return trainer.train(tiny::dataset(), tiny::dataset(8), {.num_epochs = 3, .per_device_batch_size = 4, .seed = 1});
}

/// The history without the records of `evaluate`.
hone::RunHistory of_training(const hone::RunHistory& history) {
  auto result = history;
  result.erase("evaluation_loss");
  result.erase("evaluation_accuracy");
  return result;
}

TEST_CASE("evaluate and predict in any hook do not change the run") {
  tiny::Net plain;
  std::vector<int> plain_updates;
  auto alone = trainer_of(plain, &plain_updates);
  const auto expected = trained(alone);
  REQUIRE(expected.values("train_loss_epoch").size() == 3);
  const std::vector<std::string> hooks = {
#define HONE_NAME(hook, Event) #hook,
      HONE_HOOKS(HONE_NAME)
#undef HONE_NAME
  };
  for (const auto& where : hooks) {
    if (where == "on_init_end") continue;
    INFO(where);
    const bool in_evaluation = where.starts_with("on_eval_");
    tiny::Net net;
    std::vector<int> updates;
    auto trainer = trainer_of(net, &updates);
    int calls = 0;
    trainer.callbacks().template get<InEachHook>().act = [&](const std::string& hook) {
      if (hook != where) return;
      ++calls;
      const auto before = trainer.run().num_updates();
      trainer.predict(tiny::dataset(3));
      if (!in_evaluation) {
        const auto history = trainer.evaluate(tiny::dataset(6));
        CHECK(history.names() == std::vector<std::string>{"evaluation_loss", "evaluation_accuracy"});
      }
      trainer.evaluate_batch(tiny::batches(1)[0]);
      CHECK(trainer.run().num_updates() == before);
    };
    const auto history = trained(trainer);
    CHECK((of_training(history) == expected));
    CHECK(updates == plain_updates);
    CHECK(tiny::equal(tiny::weights(net), tiny::weights(plain)));
    if (calls > 0 && !in_evaluation) CHECK(history.values("evaluation_loss").size() == static_cast<std::size_t>(calls));
  }
}

TEST_CASE("train, step, begin_run, trial_run and load_training_state throw within a run, which continues") {
  tiny::Net net, plain;
  std::vector<int> updates;
  auto trainer = trainer_of(net, &updates);
  auto alone = trainer_of(plain, &updates);
  int refused = 0;
  const auto refuses = [&](auto&& call) {
    try {
      call();
      FAIL_CHECK("it was accepted");
    } catch (const std::logic_error& error) {
      ++refused;
      CHECK(std::string(error.what()).find("of the same trainer") != std::string::npos);
    }
  };
  trainer.callbacks().template get<InEachHook>().act = [&](const std::string& hook) {
    if (hook == "on_train_step_end" || hook == "on_resume_point" || hook == "on_training_run_end") {
      refuses([&] { trainer.train(tiny::dataset()); });
      refuses([&] { trainer.step(tiny::batches(1)[0]); });
      refuses([&] { static_cast<void>(trainer.begin_run()); });
      refuses([&] { hone::trial_run(trainer, tiny::dataset(), {}, [](auto) {}, [](auto, double) { return true; }); });
      refuses([&] { trainer.load_training_state(hone::Dict()); });
    }
    if (hook == "on_eval_step_end") {
      refuses([&] { trainer.evaluate(tiny::dataset()); });
      refuses([&] { trainer.train(tiny::dataset()); });
    }
  };
  CHECK((trained(trainer) == trained(alone)));
  CHECK(refused > 50);
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(plain)));
}

struct PredictAgain {
  void on_predict_step_end(const auto& event) { event.trainer.predict(tiny::dataset()); }
};
struct EvaluateAgain {
  void on_eval_epoch_end(const auto& event) { event.trainer.evaluate(tiny::dataset()); }
};

TEST_CASE("evaluate within an evaluation and predict within a prediction throw std::logic_error") {
  auto predicts = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, PredictAgain{}};
  CHECK_THROWS_AS(predicts.predict(tiny::dataset()), std::logic_error);
  auto evaluates = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, EvaluateAgain{}};
  CHECK_THROWS_AS(evaluates.evaluate(tiny::dataset()), std::logic_error);
  CHECK_NOTHROW(evaluates.predict(tiny::dataset()));  // the trainer is usable again
}

TEST_CASE("an exception of evaluate or predict that a callback catches does not change the outer run") {
  tiny::Net net, plain;
  std::vector<int> updates;
  auto trainer = trainer_of(net, &updates);
  auto alone = trainer_of(plain, &updates);
  trainer.callbacks().template get<InEachHook>().act = [&](const std::string& hook) {
    if (hook != "on_train_step_end") return;
    CHECK_THROWS_AS(trainer.evaluate(std::vector<tiny::Batch>{}), hone::DataError);
    CHECK_THROWS(trainer.predict(hone::TensorDataset{torch::ones({4, 7})}));
  };
  CHECK((trained(trainer) == trained(alone)));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(plain)));
}

TEST_CASE("evaluations between the steps of a custom loop do not count as steps") {
  std::vector<int> updates;
  int fired = 0;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1},
                               hone::every<25>(hone::on<hone::TrainStepEnd>([&](const auto&) { ++fired; }))};
  for (int i = 0; i < 100; ++i) {
    trainer.step(tiny::batches(1)[0]);
    if (i % 10 == 0) {
      trainer.evaluate(tiny::dataset());
      trainer.predict(tiny::dataset());
    }
  }
  CHECK(fired == 4);
  CHECK(trainer.run().num_updates() == 100);
  CHECK(trainer.run_history().num_updates() == 100);
  CHECK(trainer.run_history().values("evaluation_loss").size() == 10);
}

}  // namespace
