// SPDX-License-Identifier: Apache-2.0
/// Tests of stop requests at every event: the steps that follow, the records and the weights.
#include <torch/torch.h>

#include <functional>
#include <string_view>

#include "hone/callbacks/early_stopping.hpp"
#include "hone/callbacks/terminate_on_nan.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/trace.hpp"

namespace {

/// Requests a stop at the `nth` event of the given name.
struct Stopper {
  std::string at;
  int nth = 1;
  bool before_update = false;

#define HONE_STOP_AT(hook, Event) \
  void hook(const hone::Event& event) { maybe_stop(#hook, event.run); }
  HONE_HOOKS(HONE_STOP_AT)
#undef HONE_STOP_AT

  void maybe_stop(std::string_view hook, hone::Run& run) {
    if (hook != at || --nth != 0) return;
    if (before_update) {
      run.request_stop_before_update("first");
    } else {
      run.request_stop("first");
    }
    run.request_stop("second");
  }
};

struct Result {
  hone::Trace trace;
  hone::RunHistory history;
  std::vector<torch::Tensor> weights;
  std::vector<torch::Tensor> weights_before;
  bool has_gradients = false;

  [[nodiscard]] std::int64_t count(const std::string& event) const {
    return std::count(trace.begin(), trace.end(), event);
  }
  [[nodiscard]] std::string last(std::size_t n) const {
    std::string text;
    for (auto i = trace.size() - n; i < trace.size(); ++i) text += trace[i] + " ";
    return text;
  }
};

/// Trains three epochs of four batches, with two batches for each update, and evaluates on two batches.
Result trained_until(Stopper stopper) {
  Result result;
  tiny::Net net;
  auto trainer = hone::Trainer{net,
                               torch::nn::CrossEntropyLoss(),
                               hone::Sgd{.lr = 0.1, .momentum = 0.9},
                               hone::GradAccum<2>{},
                               std::move(stopper),
                               hone::TracingCallback{&result.trace}};
  result.weights_before = tiny::weights(net);
  result.history = trainer.train(tiny::batches(4), tiny::batches(2), {.num_epochs = 3});
  result.weights = tiny::weights(net);
  result.has_gradients = tiny::has_gradients(net);
  return result;
}

TEST_CASE("a stop request finishes the current update and skips everything that has not begun") {
  struct Row {
    const char* at;
    int nth;
    int updates, train_epochs, eval_epochs, eval_steps, run_epochs;
  };
  const auto row = GENERATE(
      // from                            time updates train eval  batches epochs
      Row{"on_training_run_start", 1, 0, 0, 0, 0, 0}, Row{"on_train_epoch_start", 1, 0, 1, 0, 0, 1},
      Row{"on_train_epoch_start", 2, 2, 2, 1, 2, 2}, Row{"on_train_step_start", 1, 1, 1, 0, 0, 1},
      Row{"on_train_loss", 1, 1, 1, 0, 0, 1}, Row{"on_train_loss", 4, 2, 1, 0, 0, 1},
      Row{"on_before_optimizer_step", 1, 1, 1, 0, 0, 1}, Row{"on_optimizer_step", 1, 1, 1, 0, 0, 1},
      Row{"on_train_step_end", 1, 1, 1, 0, 0, 1}, Row{"on_train_step_end", 2, 1, 1, 0, 0, 1},
      Row{"on_train_step_end", 3, 2, 1, 0, 0, 1}, Row{"on_train_epoch_end", 1, 2, 1, 0, 0, 1},
      Row{"on_eval_epoch_start", 1, 2, 1, 1, 0, 1}, Row{"on_eval_step_start", 1, 2, 1, 1, 1, 1},
      Row{"on_eval_step_end", 1, 2, 1, 1, 1, 1}, Row{"on_eval_step_end", 4, 4, 2, 2, 4, 2},
      Row{"on_eval_epoch_end", 1, 2, 1, 1, 2, 1}, Row{"on_training_run_epoch_end", 1, 2, 1, 1, 2, 1},
      Row{"on_training_run_epoch_end", 3, 6, 3, 3, 6, 3});
  CAPTURE(row.at, row.nth);
  const auto result = trained_until({row.at, row.nth});
  CHECK(result.count(".on_optimizer_step") == row.updates);
  CHECK(result.count(".on_train_epoch_start") == row.train_epochs);
  CHECK(result.count(".on_train_epoch_end") == row.train_epochs);
  CHECK(result.count(".on_eval_epoch_start") == row.eval_epochs);
  CHECK(result.count(".on_eval_epoch_end") == row.eval_epochs);
  CHECK(result.count(".on_eval_step_end") == row.eval_steps);
  CHECK(result.count(".on_training_run_epoch_end") == row.run_epochs);
  CHECK(result.history.num_updates() == row.updates);
  CHECK(result.history.current_epoch() == row.run_epochs + 1);
  CHECK(result.history.stop_reason() == "first");
  CHECK(result.count(".on_stop_training") == 1);
  CHECK(result.count(".on_exception") == 0);
  CHECK(result.last(2) == ".on_stop_training .on_training_run_end ");
  CHECK(!result.has_gradients);
  CHECK(tiny::equal(result.weights, result.weights_before) == (row.updates == 0));
}

TEST_CASE("an epoch that is stopped before its first batch records no loss") {
  const auto result = trained_until({"on_train_epoch_start", 2});
  CHECK(result.history.values("train_loss_epoch").size() == 1);
  CHECK(result.history.values("eval_loss_epoch").size() == 1);
}

TEST_CASE("an evaluation that is stopped before its end records no loss") {
  const auto result = trained_until({"on_eval_step_end", 1});
  CHECK(result.history.values("train_loss_epoch").size() == 1);
  CHECK(result.history.values("eval_loss_epoch").empty());
}

TEST_CASE("a stop before the update keeps the weights bitwise and drops the open accumulation window") {
  struct Row {
    const char* at;
    int nth, updates, batches;
  };
  const auto row = GENERATE(
      Row{"on_train_step_start", 1, 0, 1}, Row{"on_train_loss", 1, 0, 1}, Row{"on_train_loss", 2, 0, 2},
      Row{"on_train_loss", 3, 1, 3}, Row{"on_before_optimizer_step", 1, 0, 2}, Row{"on_before_optimizer_step", 2, 1, 4},
      Row{"on_train_step_end", 1, 0, 2}, Row{"on_train_epoch_start", 1, 0, 0}, Row{"on_training_run_start", 1, 0, 0});
  CAPTURE(row.at, row.nth);
  const auto result = trained_until({row.at, row.nth, true});
  CHECK(result.history.num_updates() == row.updates);
  CHECK(result.count(".on_optimizer_step") == row.updates);
  CHECK(result.count(".on_train_step_end") == row.batches);
  CHECK(result.history.stop_reason() == "first");
  CHECK(result.count(".on_eval_epoch_start") == 0);
  CHECK(result.last(2) == ".on_stop_training .on_training_run_end ");
  CHECK(!result.has_gradients);
  const auto expected = row.updates == 0 ? result.weights_before : trained_until({"on_optimizer_step", 1}).weights;
  CHECK(tiny::equal(result.weights, expected));
}

TEST_CASE("a run that is not stopped has no stop reason and no on_stop_training") {
  const auto result = trained_until({"on_load_checkpoint", 1});
  CHECK(result.history.stop_reason() == std::nullopt);
  CHECK(result.count(".on_stop_training") == 0);
  CHECK(result.history.num_updates() == 6);
}

TEST_CASE("evaluate can be stopped, and dispatches its last events") {
  hone::Trace trace;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Stopper{"on_eval_step_end", 2},
                               hone::TracingCallback{&trace}};
  const auto history = trainer.evaluate(tiny::batches(4));
  CHECK(std::count(trace.begin(), trace.end(), ".on_eval_step_end") == 2);
  CHECK(trace.back() == ".on_evaluation_run_end");
  CHECK(trace[trace.size() - 2] == ".on_stop_training");
  CHECK(history.stop_reason() == "first");
}

TEST_CASE("a stop request before the first batch of an evaluation evaluates no batch") {
  const auto* at = GENERATE("on_evaluation_run_start", "on_eval_epoch_start");
  CAPTURE(at);
  hone::Trace trace;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Stopper{at},
                               hone::TracingCallback{&trace}};
  const auto history = trainer.evaluate(tiny::batches(4));
  CHECK(std::count(trace.begin(), trace.end(), ".on_eval_step_start") == 0);
  CHECK(trace.back() == ".on_evaluation_run_end");
  CHECK(history.stop_reason() == "first");
  CHECK(!history.contains("evaluation_loss"));
}

TEST_CASE("a stop request at the end of a run is the history's stop reason") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Stopper{"on_training_run_end"},
                               Stopper{"on_evaluation_run_end"}};
  CHECK(trainer.train(tiny::batches(3)).stop_reason() == "first");
  CHECK(trainer.evaluate(tiny::batches(3)).stop_reason() == "first");
  CHECK(trainer.train(tiny::batches(3)).stop_reason() == std::nullopt);
}

TEST_CASE("predict can be stopped") {
  auto trainer =
      hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Stopper{"on_predict_step_end", 2}};
  CHECK(tiny::contains(
      tiny::message_of<hone::StoppedError>([&] { static_cast<void>(trainer.predict(tiny::batches(4))); }),
      "stopped after 2 batches"));
  CHECK(trainer.run_history().stop_reason() == "first");
}

TEST_CASE("a stop request does not affect the next run") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Stopper{"on_train_loss", 1}};
  CHECK(trainer.train(tiny::batches(3)).num_updates() == 1);
  const auto history = trainer.train(tiny::batches(3));
  CHECK(history.num_updates() == 3);
  CHECK(history.stop_reason() == std::nullopt);
}

struct StopsItself {
  auto train_batch_loss(auto& trainer, auto& batch) {
    trainer.run().request_stop("enough");
    return trainer.train_batch_loss(batch);
  }
};

TEST_CASE("an override can request a stop through the trainer") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, StopsItself{}};
  const auto history = trainer.train(tiny::batches(3));
  CHECK(history.num_updates() == 1);
  CHECK(history.stop_reason() == "enough");
}

/// Multiplies the loss of the third batch by `poison`.
struct Poisoned {
  int* calls;
  float poison = std::numeric_limits<float>::quiet_NaN();
  torch::Tensor operator()(const torch::Tensor& outputs, const torch::Tensor& target) const {
    const auto loss = torch::nn::functional::cross_entropy(outputs, target);
    return ++*calls == 3 ? loss * poison : loss;
  }
};

TEST_CASE("a NaN or infinite loss stops the run without an update") {
  const bool infinite = GENERATE(false, true);
  const float poison = infinite ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  tiny::Net net, two_updates;
  int calls = 0, uncounted = -100;
  auto trainer =
      hone::Trainer{net, Poisoned{&calls, poison}, hone::Sgd{.lr = 0.1, .momentum = 0.9}, hone::TerminateOnNaN{}};
  const auto history = trainer.train(tiny::batches(5), {.num_epochs = 2});
  CHECK(history.num_updates() == 2);
  CHECK(tiny::contains(history.stop_reason().value_or(""),
                       infinite ? "infinite loss in batch 3" : "NaN loss in batch 3"));

  auto reference = hone::Trainer{two_updates, Poisoned{&uncounted}, hone::Sgd{.lr = 0.1, .momentum = 0.9}};
  reference.train(tiny::batches(2));
  CHECK(tiny::equal(tiny::weights(net), tiny::weights(two_updates)));
}

TEST_CASE("EarlyStopping keeps the stop reason of TerminateOnNaN in the first epoch") {
  int calls = 1;
  auto trainer =
      hone::Trainer{tiny::Net(), Poisoned{&calls}, hone::Sgd{}, hone::TerminateOnNaN{}, hone::EarlyStopping{}};
  const auto history = trainer.train(tiny::batches(3), tiny::batches(1), {.num_epochs = 2});
  CHECK(tiny::contains(history.stop_reason().value_or(""), "NaN loss in batch 2"));
}

}  // namespace
