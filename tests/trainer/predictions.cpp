// SPDX-License-Identifier: Apache-2.0
#include "hone/trainer/predictions.hpp"

#include <torch/torch.h>

#include <boost/hana.hpp>
#include <map>

#include "hone/callbacks/filters.hpp"
#include "hone/data/prefetch.hpp"
#include "hone/devices/prefetch_to_device.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using tiny::message_of;
using torch::Tensor;
using Pair = std::pair<Tensor, Tensor>;

struct Outputs {
  Tensor first;
  std::map<std::string, std::vector<Tensor>> more;
};

}  // namespace
BOOST_HANA_ADAPT_STRUCT(Outputs, first, more);
namespace {

/// Returns a view of its input.
struct ViewImpl : torch::nn::Module {
  torch::nn::Linear unused = register_module("unused", torch::nn::Linear(1, 1));
  Tensor forward(Tensor x) { return x.slice(1, 0, 1); }
};
TORCH_MODULE(View);
struct KeepsImpl : torch::nn::Module {
  torch::nn::Linear unused = register_module("unused", torch::nn::Linear(1, 1));
  Tensor state = register_buffer("state", torch::zeros({2, 1}));
  Tensor forward(Tensor x) { return state.copy_(x); }
};
TORCH_MODULE(Keeps);
struct ManyImpl : torch::nn::Module {
  torch::nn::Linear unused = register_module("unused", torch::nn::Linear(1, 1));
  Outputs forward(Tensor x) { return {x, {{"twice", {x.slice(0, 0, 2), x * 2}}}}; }
};
TORCH_MODULE(Many);
struct TupleImpl : torch::nn::Module {
  torch::nn::Linear unused = register_module("unused", torch::nn::Linear(1, 1));
  std::tuple<Tensor, Tensor> forward(Tensor x) { return {x, x + 1}; }
};
TORCH_MODULE(Tuple);

hone::TensorDataset<Pair> numbers() {
  const auto x = torch::arange(6.).view({6, 1});
  return {x, x};
}
auto shuffled() { return hone::TensorLoader(numbers(), {.batch_size = 2, .shuffle = true, .seed = 1}); }

Tensor sorted(const Tensor& outputs) { return std::get<0>(outputs.flatten().sort()); }
const auto right = torch::arange(6.);

template <class Model, class... Settings>
auto trainer_of(Model model, Settings... settings) {
  return hone::Trainer{model, torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}, std::move(settings)...};
}

TEST_CASE("outputs that are views of a batch stay valid after the next batch") {
  auto loader = shuffled();
  CHECK(sorted(trainer_of(View()).predict(loader)).equal(right));
  CHECK(sorted(trainer_of(View(), hone::Prefetch{.depth = 1}).predict(loader)).equal(right));
  std::vector<Pair> batches;
  const auto x = torch::arange(6.).view({6, 1});
  for (int i = 0; i < 3; ++i) batches.emplace_back(x.slice(0, 2 * i, 2 * i + 2), x.slice(0, 2 * i, 2 * i + 2));
  CHECK(trainer_of(View(), hone::Prefetch{.depth = 1}).predict(batches).flatten().equal(right));
  CHECK(trainer_of(View(), hone::PrefetchToDevice{.depth = 1}).predict(batches).flatten().equal(right));
}

TEST_CASE("outputs that are a buffer of the model are not overwritten by the next batch") {
  CHECK(trainer_of(Keeps()).predict(numbers(), {.per_device_batch_size = 2}).flatten().equal(right));
}

TEST_CASE("nested outputs of several tensors stay valid after the next batch") {
  auto loader = shuffled();
  std::vector<Tensor> firsts, seconds, inner;
  for (const auto& [first, second] : trainer_of(Tuple()).predict(loader)) {
    firsts.push_back(first);
    seconds.push_back(second);
  }
  CHECK(sorted(torch::cat(firsts)).equal(right));
  CHECK(torch::cat(seconds).equal(torch::cat(firsts) + 1));
  firsts.clear();
  for (const auto& outputs : trainer_of(Many()).predict(loader)) {
    firsts.push_back(outputs.first);
    inner.push_back(outputs.more.at("twice")[0]);
  }
  CHECK(sorted(torch::cat(firsts)).equal(right));
  CHECK(torch::cat(inner).equal(torch::cat(firsts)));
}

TEST_CASE("only tensors that share memory with the batch are copied") {
  const auto x = torch::ones({2, 2});
  std::tuple<Tensor, Tensor, int> outputs{x.view({4}), torch::zeros({2}), 3};
  const auto own = std::get<1>(outputs);
  hone::own_memory(outputs, std::pair{x, x});
  CHECK(!std::get<0>(outputs).is_alias_of(x));
  CHECK(std::get<0>(outputs).equal(torch::ones({4})));
  CHECK(std::get<1>(outputs).is_same(own));
}

TEST_CASE("predictions do not share memory with the dataset") {
  const auto set = numbers();
  auto outputs = trainer_of(Tuple()).predict(set, {.per_device_batch_size = 6});
  std::get<0>(outputs[0]).zero_();
  CHECK(set.tensors().first.flatten().equal(right));
}

// -------------------------------------------------------------------------------------------------- shapes that differ

struct SameImpl : torch::nn::Module {
  torch::nn::Linear unused = register_module("unused", torch::nn::Linear(1, 1));
  Tensor forward(Tensor x) { return x; }
};
TORCH_MODULE(Same);
struct MeanImpl : torch::nn::Module {
  torch::nn::Linear unused = register_module("unused", torch::nn::Linear(1, 1));
  Tensor forward(Tensor x) { return x.mean(); }
};
TORCH_MODULE(Mean);
struct SqueezeImpl : torch::nn::Module {
  torch::nn::Linear unused = register_module("unused", torch::nn::Linear(1, 1));
  Tensor forward(Tensor x) { return x.squeeze(); }
};
TORCH_MODULE(Squeeze);
struct InTuple {
  auto predict_batch(auto& trainer, auto& batch) { return std::tuple{trainer.predict_batch(batch)}; }
};

TEST_CASE("outputs of different shapes throw DataError that names the batch") {
  const std::vector<Tensor> batches{torch::ones({2, 5}), torch::ones({3, 5}), torch::ones({2, 7}), torch::ones({2, 5})};
  int predicted = 0;
  auto trainer = trainer_of(Same(), hone::on<hone::PredictStepStart>([&](const auto&) { ++predicted; }));
  CHECK(message_of<hone::DataError>([&] { static_cast<void>(trainer.predict(batches)); }) ==
        "The model's output for batch 2 is Float [2, 7] and cannot be concatenated with the output for batch 0, Float "
        "[2, 5]. Pad outputs to one shape, or return them in a std::tuple from the override `predict_batch`: then "
        "predict returns one element for each batch.");
  CHECK(predicted == 3);
  const auto outputs = trainer_of(Same(), InTuple{}).predict(batches);
  CHECK((outputs.size() == 4 && std::get<0>(outputs[2]).size(1) == 7));
}

TEST_CASE("a 0-dimensional output throws DataError, except for a batch of one sample") {
  CHECK(message_of<hone::DataError>([] { static_cast<void>(trainer_of(Mean()).predict(numbers())); }) ==
        "The model's output for batch 0 is Float [] and needs the number of samples as its first dimension. Return the "
        "shape [samples, ...] from the model or the override `predict_batch`.");
  CHECK(trainer_of(Squeeze()).predict(numbers(), {.per_device_batch_size = 5}).equal(right));  // 5 samples and 1
  CHECK(trainer_of(Squeeze()).predict(numbers(), {.per_device_batch_size = 1}).equal(right));
}

TEST_CASE("a prediction that is stopped throws StoppedError after its last event") {
  int ends = 0, exceptions = 0;
  const auto stop_at = [&](std::int64_t step) {
    return trainer_of(Same(), hone::on<hone::PredictStepEnd>([step](const auto& event) {
                        if (event.run.batch() == step) event.run.request_stop("enough");
                      }),
                      hone::on<hone::PredictRunEnd>([&](const auto&) { ++ends; }),
                      hone::on<hone::ExceptionThrown>([&](const auto&) { ++exceptions; }));
  };
  CHECK(message_of<hone::StoppedError>(
            [&] { static_cast<void>(stop_at(1).predict(numbers(), {.per_device_batch_size = 2})); }) ==
        "The prediction was stopped after 2 batches (enough), so outputs are missing. Remove the callback that stops "
        "it, or store the outputs in on_predict_step_end.");
  CHECK((ends == 1 && exceptions == 0));
  CHECK(stop_at(2).predict(numbers(), {.per_device_batch_size = 2}).flatten().equal(right));  // after the last batch
}

}  // namespace
