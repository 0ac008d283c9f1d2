// SPDX-License-Identifier: Apache-2.0
/// Tests that the same samples in the same order train to the same weights with every kind of data.
#include <torch/torch.h>

#include <boost/hana.hpp>
#include <range/v3/view/iota.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/transform.hpp>

#include "hone/checkpoint/generator_state.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

/// Returns the weights after two epochs in stored order.
template <class Dataset>
std::vector<Tensor> trained_on(Dataset&& dataset) {
  tiny::Net net;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1, .momentum = 0.9}};
  hone::TrainOptions options{.num_epochs = 2};
  if constexpr (!hone::YieldsBatches<Dataset>) {
    options.per_device_batch_size = 4;
    options.shuffle = false;
  }
  const auto history = trainer.train(std::forward<Dataset>(dataset), options);
  CHECK(history.num_updates() == 6);
  return tiny::weights(net);
}

const std::vector<Tensor>& expected() {
  static const auto weights = trained_on(tiny::batches(3));
  return weights;
}

struct Indexed {
  [[nodiscard]] std::size_t size() const { return 12; }
  [[nodiscard]] tiny::Batch get(std::size_t i) const {
    const auto index = static_cast<std::int64_t>(i);
    return {tiny::inputs()[index], tiny::labels()[index]};
  }
};

struct Stock : torch::data::datasets::Dataset<Stock> {
  torch::data::Example<> get(std::size_t i) override { return {Indexed{}.get(i).first, Indexed{}.get(i).second}; }
  [[nodiscard]] std::optional<std::size_t> size() const override { return 12; }
};

TEST_CASE("a TensorDataset can be a temporary, a reference or constant") {
  auto dataset = tiny::dataset();
  const auto constant = tiny::dataset();
  CHECK(tiny::equal(trained_on(tiny::dataset()), expected()));
  CHECK(tiny::equal(trained_on(dataset), expected()));
  CHECK(tiny::equal(trained_on(constant), expected()));
}

TEST_CASE("a vector of batches can be a temporary, a reference or constant") {
  auto batches = tiny::batches(3);
  const auto constant = tiny::batches(3);
  CHECK(tiny::equal(trained_on(batches), expected()));
  CHECK(tiny::equal(trained_on(constant), expected()));
}

TEST_CASE("an indexed dataset can have hone's or LibTorch's interface") {
  Indexed indexed;
  CHECK(tiny::equal(trained_on(indexed), expected()));
  CHECK(tiny::equal(trained_on(Indexed{}), expected()));
  CHECK(tiny::equal(trained_on(std::as_const(indexed)), expected()));
  CHECK(tiny::equal(trained_on(Stock{}), expected()));
}

TEST_CASE("LibTorch's data loader can be a unique pointer or a reference") {
  const auto make = [] {
    return torch::data::make_data_loader<torch::data::samplers::SequentialSampler>(
        Stock{}.map(torch::data::transforms::Stack<>()), 4);
  };
  CHECK(tiny::equal(trained_on(make()), expected()));
  auto loader = make();
  CHECK(tiny::equal(trained_on(loader), expected()));
  CHECK(tiny::equal(trained_on(*loader), expected()));
}

TEST_CASE("the data can be views of range-v3") {
  const auto batch = [](int i) { return tiny::batches(3)[static_cast<std::size_t>(i)]; };
  CHECK(tiny::equal(trained_on(ranges::views::iota(0, 3) | ranges::views::transform(batch)), expected()));
  auto many = tiny::batches(9);
  auto doubled = tiny::batches(3);
  for (auto& [x, y] : doubled) x *= 2;
  auto halved =
      doubled | ranges::views::transform([](const tiny::Batch& b) { return tiny::Batch{b.first / 2, b.second}; });
  CHECK(tiny::equal(trained_on(halved), expected()));
  tiny::Net net;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{}};
  CHECK(trainer.train(many | ranges::views::take(5)).num_updates() == 5);
}

TEST_CASE("batches can be tuples, arrays and structs") {
  std::vector<std::tuple<std::string, Tensor, Tensor>> tuples;
  std::vector<std::array<Tensor, 2>> arrays;
  std::vector<torch::data::Example<>> examples;
  for (const auto& [x, y] : tiny::batches(3)) {
    tuples.emplace_back("a name is carried along", x, y);
    arrays.push_back({x, y});
    examples.emplace_back(x, y);
  }
  CHECK(tiny::equal(trained_on(tuples), expected()));
  CHECK(tiny::equal(trained_on(arrays), expected()));
  CHECK(tiny::equal(trained_on(examples), expected()));
}

struct Digit {
  BOOST_HANA_DEFINE_STRUCT(Digit, (std::string, source), (Tensor, features), (Tensor, label));
};

/// Records the sources of the batches of each event.
struct Sources {
  std::vector<std::string>* seen;
  void on_train_step_start(const auto& event) { see(event.batch); }
  void on_train_step_end(const auto& event) { see(event.batch); }
  void on_eval_step_end(const auto& event) { see(event.batch); }

 private:
  void see(const auto& batch) {
    static_assert(std::is_same_v<decltype(batch), const Digit&>);
    CHECK(batch.features.sizes() == torch::IntArrayRef{4, 3});
    seen->push_back(batch.source);
  }
};

TEST_CASE("batches can be user-defined structs, and callbacks get their type") {
  std::vector<Digit> digits;
  for (const auto& [x, y] : tiny::batches(3)) digits.push_back({std::to_string(digits.size()) + ".png", x, y});
  CHECK(tiny::equal(trained_on(digits), expected()));

  std::vector<std::string> seen;
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, Sources{&seen}};
  trainer.train(digits, digits);
  CHECK(seen ==
        std::vector<std::string>{"0.png", "0.png", "1.png", "1.png", "2.png", "2.png", "0.png", "1.png", "2.png"});
}

struct SumImpl : torch::nn::Module {
  Tensor forward(const Tensor& a, const Tensor& b) { return net(a + b); }
  tiny::Net net = register_module("net", tiny::Net());
};
TORCH_MODULE(Sum);

TEST_CASE("a batch with two inputs calls a model with two arguments") {
  Sum sum;
  auto trainer = hone::Trainer{sum, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1, .momentum = 0.9}};
  const hone::TensorDataset dataset{tiny::inputs() * 0.25, tiny::inputs() * 0.75, tiny::labels()};
  trainer.train(dataset, {.num_epochs = 2, .per_device_batch_size = 4, .shuffle = false});
  CHECK(tiny::distance(tiny::weights(sum->net), expected()) < 1e-6);
}

TEST_CASE("an evaluation set can be a temporary, a variable, a constant, or of another type") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.0}};
  auto variable = tiny::dataset();
  const auto constant = tiny::dataset();
  const auto loss_on = [&](const auto& history) { return history.at("eval_loss_epoch"); };
  const double loss = loss_on(trainer.train(tiny::dataset(), tiny::dataset()));
  CHECK(loss_on(trainer.train(tiny::dataset(), variable)) == loss);
  CHECK(loss_on(trainer.train(tiny::dataset(), constant)) == loss);
  CHECK(loss_on(trainer.train(tiny::dataset(), tiny::batches(3))) == Approx(loss).epsilon(1e-6));
  CHECK(loss_on(trainer.train(tiny::dataset(), Indexed{})) == Approx(loss).epsilon(1e-6));
  CHECK(trainer.evaluate(variable).at("evaluation_loss") == loss);
  CHECK(trainer.evaluate(constant).at("evaluation_loss") == loss);
}

TEST_CASE("a range without batches throws DataError in train, evaluate and predict") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}};
  const std::vector<tiny::Batch> none;
  CHECK_THROWS_AS(trainer.train(none), hone::DataError);
  CHECK_THROWS_AS(trainer.evaluate(none), hone::DataError);
  CHECK_THROWS_AS(trainer.predict(none), hone::DataError);
  CHECK_THROWS_AS(trainer.train(tiny::batches(1), none), hone::DataError);
  CHECK_THROWS_AS(trainer.train(tiny::dataset().subset(0, 0)), hone::DataError);
}

/// A single-pass range, such as batches from a socket.
struct Stream {
  std::size_t next = 0;
  struct Iterator {
    Stream* stream;
    tiny::Batch operator*() const { return tiny::batches(3)[stream->next]; }
    void operator++() { ++stream->next; }
    bool operator==(std::default_sentinel_t) const { return stream->next == 3; }
  };
  Iterator begin() { return {this}; }
  static std::default_sentinel_t end() { return {}; }
};

TEST_CASE("a single-pass range trains for one epoch and throws DataError in the second") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}};
  CHECK(trainer.train(Stream{}).num_updates() == 3);
  const auto message = tiny::message_of<hone::DataError>([&] { trainer.train(Stream{}, {.num_epochs = 2}); });
  CAPTURE(message);
  CHECK(tiny::contains(message, "epoch 2"));
  CHECK(tiny::contains(message, "only once"));
}

struct OrderOfSamples {
  std::vector<float>* order;
  void on_train_step_start(const auto& event) {
    for (std::int64_t i = 0; i < event.batch.first.size(0); ++i) {
      order->push_back(event.batch.first[i][0].template item<float>());
    }
  }
};

TEST_CASE("the seed determines the order of the samples, which differs between epochs") {
  const auto order = [](std::optional<std::uint64_t> seed, bool shuffle = true) {
    std::vector<float> seen;
    auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{}, OrderOfSamples{&seen}};
    trainer.train(tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 4, .shuffle = shuffle, .seed = seed});
    return seen;
  };
  const auto first = order(3);
  CHECK(first == order(3));
  CHECK(first != order(4));
  CHECK(order(std::nullopt) != order(std::nullopt));
  CHECK(!std::equal(first.begin(), first.begin() + 12, first.begin() + 12));
  auto sorted = first;
  std::sort(sorted.begin(), sorted.end());
  auto twice = order(std::nullopt, false);
  CHECK(std::equal(twice.begin(), twice.begin() + 12, twice.begin() + 12));
  std::sort(twice.begin(), twice.end());
  CHECK(sorted == twice);  // every sample once in each epoch
}

TEST_CASE("predictions are in the order of the dataset for any batch size, and need no target") {
  tiny::Net net;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{}};
  const torch::NoGradGuard no_gradients;
  const auto expected_outputs = net(tiny::inputs());
  const auto close = [&](const Tensor& outputs) {
    return !outputs.requires_grad() && torch::allclose(outputs, expected_outputs, 1e-6, 1e-6);
  };
  CHECK(close(trainer.predict(tiny::dataset(), {.per_device_batch_size = 5})));
  CHECK(close(trainer.predict(hone::TensorDataset{tiny::inputs()}, {.per_device_batch_size = 12})));
  CHECK(close(trainer.predict(std::vector<Tensor>{tiny::inputs()})));
  CHECK(close(trainer.predict(Indexed{}, {.per_device_batch_size = 1})));
}

TEST_CASE("the mean loss of an epoch is weighted by samples") {
  tiny::Net net;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.0}};
  const double expected_loss = torch::nn::functional::cross_entropy(net(tiny::inputs()), tiny::labels()).item<double>();
  const auto history = trainer.train(tiny::dataset(), tiny::dataset(), {.per_device_batch_size = 5});
  CHECK(history.at("train_loss_epoch") == Approx(expected_loss).epsilon(1e-6));
  CHECK(history.at("eval_loss_epoch") == Approx(expected_loss).epsilon(1e-6));
  CHECK(trainer.evaluate(tiny::dataset(), {.per_device_batch_size = 7}).at("evaluation_loss") ==
        Approx(expected_loss).epsilon(1e-6));
}

TEST_CASE("a run uses the global random generator only for data that it shuffles") {
  auto trainer = hone::Trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}};
  const auto moves = [&](auto&& run) {
    const auto before = hone::generator_state();
    run();
    return !hone::generator_state().equal(before);
  };
  CHECK(!moves([&] { trainer.train(tiny::dataset(), {.shuffle = false}); }));
  CHECK(!moves([&] { trainer.train(tiny::batches(2)); }));
  CHECK(!moves([&] { trainer.train(std::make_shared<std::vector<tiny::Batch>>(tiny::batches(2))); }));
  CHECK(!moves([&] { trainer.evaluate(tiny::dataset()); }));
  CHECK(!moves([&] { trainer.predict(tiny::dataset()); }));
  CHECK(!moves([&] { trainer.step(tiny::batches(1)[0]); }));
  CHECK(moves([&] { trainer.train(tiny::dataset()); }));
}

}  // namespace
