// SPDX-License-Identifier: Apache-2.0
/// Tests of error messages, and of the state that a failed run restores.
#include <torch/torch.h>

#include <functional>
#include <optional>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/trace.hpp"

namespace {

using tiny::contains;
using tiny::message_of;
using torch::Tensor;

auto plain_trainer() { return hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}}; }

/// True if the message is one line without a stack trace.
bool is_short(const std::string& message) {
  return !message.empty() && !contains(message, "\n") && !contains(message, "frame #") &&
         !contains(message, "Exception raised from");
}

TEST_CASE("an option out of range throws with its name, value and remedy before any event") {
  hone::Trace trace;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, hone::TracingCallback{&trace}};
  trace.clear();
  const auto refused = [&](const auto& options, const char* name, const char* value) {
    const auto message = message_of<std::invalid_argument>([&] { trainer.train(tiny::dataset(), options); });
    CAPTURE(message);
    return contains(message, name) && contains(message, value) && contains(message, "or greater") && is_short(message);
  };
  using Options = hone::TrainOptions;
  CHECK(refused(Options{.num_epochs = -1}, "num_epochs", "-1"));
  CHECK(refused(Options{.per_device_batch_size = 0}, "per_device_batch_size", "0"));
  CHECK(refused(Options{.per_device_batch_size = -3}, "per_device_batch_size", "-3"));
  CHECK(refused(Options{.eval_per_device_batch_size = 0}, "eval_per_device_batch_size", "0"));
  CHECK(refused(Options{.max_updates = 0}, "max_updates", "0"));
  CHECK(refused(Options{.max_updates = -5}, "max_updates", "-5"));
  CHECK(refused(Options{.num_threads = -1}, "num_threads", "-1"));
  const auto evaluate = [&] { trainer.evaluate(tiny::dataset(), {.per_device_batch_size = -2}); };
  CHECK(contains(message_of<std::invalid_argument>(evaluate), "per_device_batch_size is -2"));
  const auto predict = [&] { trainer.predict(tiny::dataset(), {.num_threads = -2}); };
  CHECK(contains(message_of<std::invalid_argument>(predict), "num_threads is -2"));
  CHECK(trace.empty());
}

TEST_CASE("a batch size beyond the dataset throws with both numbers if no batch would be left") {
  auto trainer = plain_trainer();
  const auto train = [&] { trainer.train(tiny::dataset(), {.per_device_batch_size = 13, .drop_last = true}); };
  const auto message = message_of<std::invalid_argument>(train);
  CHECK(contains(message, "13"));
  CHECK(contains(message, "12"));
  CHECK(is_short(message));
  CHECK(trainer.train(tiny::dataset(), {.per_device_batch_size = 13}).num_updates() == 1);
  CHECK(trainer.predict(tiny::dataset(), {.per_device_batch_size = 13}).size(0) == 12);
}

/// Returns the message of the `DataError` that `f` throws, if it nests an error of LibTorch.
template <class F>
std::string explained(F&& f) {
  try {
    f();
  } catch (const hone::DataError& error) {
    try {
      std::rethrow_if_nested(error);
    } catch (const c10::Error&) {
      return error.what();
    }
  }
  return {};
}

TEST_CASE("inputs with a wrong number of features throw DataError with their shape") {
  auto trainer = plain_trainer();
  const hone::TensorDataset wide{torch::zeros({12, 4}), tiny::labels()};
  for (const auto& run : {std::function<void()>([&] { trainer.train(wide, {.per_device_batch_size = 6}); }),
                          std::function<void()>([&] { trainer.evaluate(wide, {.per_device_batch_size = 6}); }),
                          std::function<void()>([&] { trainer.predict(wide, {.per_device_batch_size = 6}); })}) {
    const auto message = explained(run);
    CAPTURE(message);
    CHECK(contains(message, "[6, 4]"));
    CHECK(contains(message, "layers accept"));
    CHECK(is_short(message));
  }
}

TEST_CASE("an output that does not fit the loss throws DataError with both shapes") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::BCELoss(), hone::Sgd{}};
  const auto message = message_of<hone::DataError>(
      [&] { trainer.train(hone::TensorDataset{tiny::inputs(), torch::ones({12, 5})}, {.per_device_batch_size = 6}); });
  CAPTURE(message);
  CHECK(contains(message, "[6, 2]"));
  CHECK(contains(message, "[6, 5]"));
  CHECK(is_short(message));
}

TEST_CASE("a class label out of range throws DataError with the label") {
  auto trainer = plain_trainer();
  const auto message = explained(
      [&] { trainer.train(hone::TensorDataset{tiny::inputs(), tiny::labels() + 6}, {.per_device_batch_size = 12}); });
  CAPTURE(message);
  CHECK((contains(message, "Target 6 is out of bounds") || contains(message, "Target 7 is out of bounds")));
  CHECK(contains(message, "class labels start at 0"));
  CHECK(contains(message, "[12, 2]"));
  CHECK(is_short(message));
}

TEST_CASE("labels of a wrong dtype throw DataError with the dtype") {
  auto trainer = plain_trainer();
  const auto message = explained([&] {
    trainer.train(hone::TensorDataset{tiny::inputs(), tiny::labels().to(torch::kInt)}, {.per_device_batch_size = 12});
  });
  CAPTURE(message);
  CHECK(contains(message, "Int [12]"));
  CHECK(is_short(message));
}

TEST_CASE("a loss with several elements throws DataError with their number") {
  auto trainer = hone::Trainer{
      tiny::Net(), torch::nn::CrossEntropyLoss(torch::nn::CrossEntropyLossOptions().reduction(torch::kNone)),
      hone::Sgd{}};
  const auto train = [&] { trainer.train(tiny::dataset(), {.per_device_batch_size = 6}); };
  const auto message = message_of<hone::DataError>(train);
  CAPTURE(message);
  CHECK(contains(message, "6 elements"));
  CHECK(contains(message, "kMean"));
  CHECK(is_short(message));
}

TEST_CASE("a loss that does not depend on a parameter throws c10::Error") {
  auto trainer = hone::Trainer{tiny::Net(), [](const Tensor&, const Tensor&) { return torch::zeros({}); }, hone::Sgd{}};
  CHECK_THROWS_AS(trainer.train(tiny::dataset()), c10::Error);
}

struct Broken : std::logic_error {
  using std::logic_error::logic_error;
};

/// Throws at one hook.
struct Thrower {
  std::string at;
#define HONE_THROW_AT(hook, Event)        \
  void hook(const hone::Event&) {         \
    if (at == #hook) throw Broken(#hook); \
  }
  HONE_HOOKS(HONE_THROW_AT)
#undef HONE_THROW_AT
};

/// Records the messages of the exceptions.
struct Witness {
  std::vector<std::string>* told;
  void on_exception(const hone::ExceptionThrown& event) {
    try {
      std::rethrow_exception(event.exception);
    } catch (const std::exception& error) {
      told->push_back(error.what());
    }
  }
};

TEST_CASE("an exception of any hook reaches on_exception once and the caller, and the run restores its changes") {
  const std::string at =
      GENERATE(as<std::string>{}, "on_training_run_start", "on_train_epoch_start", "on_train_step_start",
               "on_train_loss", "on_before_optimizer_step", "on_optimizer_step", "on_train_step_end",
               "on_train_epoch_end", "on_eval_epoch_start", "on_eval_step_start", "on_eval_step_end",
               "on_eval_epoch_end", "on_training_run_epoch_end", "on_training_run_end");
  CAPTURE(at);
  std::vector<std::string> told;
  tiny::Net net;
  auto trainer = hone::Trainer{
      net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, hone::GradAccum<2>{}, Thrower{at}, Witness{&told}};
  net->train();
  net->second->eval();
  const int threads = torch::get_num_threads();
  torch::set_num_threads(2);
  const torch::NoGradGuard no_gradients;
  CHECK(message_of<Broken>([&] { trainer.train(tiny::batches(3), tiny::batches(2), {.num_threads = 1}); }) == at);
  CHECK(told == std::vector<std::string>{at});
  CHECK(net->is_training());
  CHECK(!net->second->is_training());
  CHECK(!torch::GradMode::is_enabled());
  CHECK(torch::get_num_threads() == 2);
  CHECK(!tiny::has_gradients(net));
  torch::set_num_threads(threads);

  trainer.callbacks().get<Thrower>().at.clear();
  CHECK(trainer.train(tiny::batches(4)).num_updates() == 2);  // the next run works
}

TEST_CASE("exceptions in evaluate and predict reach on_exception, and modes are restored") {
  std::vector<std::string> told;
  tiny::Net net;
  auto trainer =
      hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{}, Thrower{"on_eval_step_end"}, Witness{&told}};
  net->second->eval();
  CHECK_THROWS_AS(trainer.evaluate(tiny::batches(2)), Broken);
  trainer.callbacks().get<Thrower>().at = "on_predict_step_end";
  CHECK_THROWS_AS(trainer.predict(tiny::batches(2)), Broken);
  CHECK(told == std::vector<std::string>{"on_eval_step_end", "on_predict_step_end"});
  CHECK(net->is_training());
  CHECK(!net->second->is_training());
  CHECK(torch::GradMode::is_enabled());
}

/// A model that throws in `forward`, in training or in evaluation mode.
struct ThrowingNetImpl : torch::nn::Module {
  Tensor forward(const Tensor& inputs) {
    if (throws_in && is_training() == *throws_in) throw Broken("forward");
    return net(inputs);
  }
  tiny::Net net = register_module("net", tiny::Net());
  std::optional<bool> throws_in{};
};
TORCH_MODULE(ThrowingNet);

TEST_CASE(
    "an exception of the model or the loss, in training or evaluation, reaches on_exception, and the run restores its "
    "changes") {
  std::vector<std::string> told;
  std::optional<bool> loss_throws_in;
  const auto loss = [&](const Tensor& outputs, const Tensor& labels) {
    if (loss_throws_in && torch::GradMode::is_enabled() == *loss_throws_in) throw Broken("loss");
    return torch::cross_entropy_loss(outputs, labels);
  };
  ThrowingNet net;
  auto trainer = hone::Trainer{net, loss, hone::Sgd{.lr = 0.1}, hone::GradAccum<2>{}, Witness{&told}};
  net->train();
  net->net->second->eval();
  const auto weights = tiny::weights(net);
  const auto fails = [&](const char* text, auto&& run) {
    CAPTURE(text);
    told.clear();
    CHECK(message_of<Broken>(run) == text);
    CHECK(told == std::vector<std::string>{text});
    CHECK(net->is_training());
    CHECK(!net->net->second->is_training());
    CHECK(torch::GradMode::is_enabled());
    CHECK(!tiny::has_gradients(net));
  };
  for (const bool in_training : {true, false}) {
    for (const bool in_loss : {false, true}) {
      INFO((in_training ? "in training" : "in evaluation"));
      (in_loss ? loss_throws_in : net->throws_in) = in_training;
      const char* const text = in_loss ? "loss" : "forward";
      fails(text, [&] { trainer.train(tiny::batches(3), tiny::batches(2)); });
      CHECK(trainer.run().num_updates() == (in_training ? 0 : 2));
      CHECK(tiny::equal(tiny::weights(net), weights) == in_training);
      if (!in_training) {
        fails(text, [&] { trainer.evaluate(tiny::batches(2)); });
        if (!in_loss) fails(text, [&] { trainer.predict(tiny::batches(2)); });
      }
      loss_throws_in = net->throws_in = std::nullopt;
    }
  }
  CHECK(trainer.train(tiny::batches(4), tiny::batches(2)).num_updates() == 2);  // the next run works
}

TEST_CASE("exceptions of the loss and of the data reach on_exception and keep their type") {
  std::vector<std::string> told;
  struct Model {
    Tensor forward(const Tensor& inputs) { return inputs; }
    std::vector<Tensor> parameters() { return {weight}; }
    torch::OrderedDict<std::string, Tensor> named_parameters() const {
      torch::OrderedDict<std::string, Tensor> all;
      all.insert("weight", weight);
      return all;
    }
    Tensor weight = torch::ones({1}, torch::requires_grad());
  };
  auto trainer = hone::Trainer{Model{}, [](const Tensor&, const Tensor&) -> Tensor { throw Broken("loss"); },
                               hone::Sgd{}, Witness{&told}};
  CHECK_THROWS_AS(trainer.train(tiny::batches(1)), Broken);
  CHECK(told == std::vector<std::string>{"loss"});

  told.clear();
  auto reader = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Witness{&told}};
  CHECK_THROWS_AS(reader.train(std::vector<tiny::Batch>{}), hone::DataError);
  REQUIRE(told.size() == 1);
  CAPTURE(told[0]);
  CHECK(contains(told[0], "0 batches"));
}

TEST_CASE("a successful run restores modes, gradient mode and threads") {
  tiny::Net net;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{}};
  net->eval();
  net->first->train();
  const int threads = torch::get_num_threads();
  torch::set_num_threads(2);
  {
    const torch::NoGradGuard no_gradients;
    trainer.train(tiny::batches(2), tiny::batches(1), {.num_threads = 1});
    CHECK(!torch::GradMode::is_enabled());
  }
  trainer.evaluate(tiny::batches(1), {.num_threads = 1});
  trainer.predict(tiny::batches(1), {.num_threads = 1});
  CHECK(torch::GradMode::is_enabled());
  CHECK(torch::get_num_threads() == 2);
  torch::set_num_threads(threads);
  CHECK(!net->is_training());
  CHECK(net->first->is_training());
  CHECK(!net->second->is_training());
  CHECK(!tiny::has_gradients(net));
}

}  // namespace
