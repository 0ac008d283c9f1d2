// SPDX-License-Identifier: Apache-2.0
#include "hone/finetune/model_average.hpp"

#include <torch/script.h>
#include <torch/torch.h>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "moving_net.hpp"
#include "support/catch.hpp"

namespace {

using nets::MovingNet;
using nets::near;

static_assert(!std::copy_constructible<hone::ModelAverage<>> && std::movable<hone::ModelAverage<>>);

torch::Tensor value(const hone::AverageState& state, std::size_t i) { return state.tensors.at(i).value; }

}  // namespace

TEST_CASE("a decay of 0.9 moves the average by a tenth of the difference in each update") {
  torch::nn::Module model;
  auto weight = model.register_parameter("weight", torch::ones({1}, torch::kDouble));
  hone::ModelAverage average{model, hone::ExponentialAverage{.decay = 0.9}};
  weight.detach().fill_(2.0);
  average.update(model);
  CHECK(near(value(average.state(), 0), {1.1}));
  average.update(model);
  CHECK(near(value(average.state(), 0), {1.19}));
  average.set(model);
  CHECK(near(value(average.state(), 0), {2.0}));
  CHECK(average.num_averaged() == 0);
}

TEST_CASE("an exponential average of parameters and buffers equals PyTorch's") {
  MovingNet model;
  hone::ModelAverage average{model, hone::ExponentialAverage{.decay = 0.9}};
  for (int k = 1; k <= 5; ++k) {
    model->move(k);
    average.update(model);
  }
  const auto state = average.state();
  CHECK((state.num_averaged == 5 && state.tensors.size() == 3));
  CHECK((state.tensors[0].name == "weight" && state.tensors[1].name == "running" && state.tensors[2].name == "count"));
  CHECK(near(value(state, 0), {-0.012908876548927344, 0.520289470275263, 0.5751360775662024}));
  CHECK(near(value(state, 1), {0.4337236867633156, 0.3850468178648198}));
}

TEST_CASE("an equal average equals PyTorch's: the mean of the parameters, and the last buffers") {
  MovingNet model;
  hone::ModelAverage average{model, hone::EqualAverage{}};
  for (int k = 0; k <= 3; ++k) {
    model->move(k);
    average.update(model);
  }
  CHECK(near(value(average.state(), 0), {0.19782334951367075, 0.04055078526635797, -0.15400398394531678}));
  CHECK(near(value(average.state(), 1), {-0.5048461045998571, 0.4535961214255777}));
}

TEST_CASE("integer tensors are copied with any decay") {
  MovingNet model;
  hone::ModelAverage average{model, hone::ExponentialAverage{.decay = 0.999}};
  model->move(7);
  average.update(model);
  CHECK(value(average.state(), 2).item<std::int64_t>() == 7);
  CHECK(value(average.state(), 2).scalar_type() == torch::kLong);
}

TEST_CASE("buffers are copied if average_buffers is false") {
  MovingNet model;
  hone::ModelAverage average{model, hone::ExponentialAverage{.decay = 0.9, .average_buffers = false}};
  model->move(2);
  average.update(model);
  CHECK(torch::equal(value(average.state(), 1), model->running));
  CHECK_FALSE(torch::equal(value(average.state(), 0), model->weight));
}

TEST_CASE("an average has its own tensors, which require no gradient") {
  MovingNet model;
  hone::ModelAverage average{model};
  const auto before = value(average.state(), 0).clone();
  model->move(3);
  CHECK(torch::equal(value(average.state(), 0), before));
  average.update(model);
  CHECK_FALSE(value(average.state(), 0).requires_grad());
}

TEST_CASE("16-bit tensors are averaged in float32") {
  MovingNet model(torch::kBFloat16);
  hone::ModelAverage average{model, hone::ExponentialAverage{.decay = 0.999}};
  const auto start = model->weight.detach().to(torch::kDouble);
  model->move(1);
  const auto end = model->weight.detach().to(torch::kDouble);
  for (int k = 0; k < 1000; ++k) average.update(model);
  const auto expected = end + (start - end) * std::pow(0.999, 1000);
  CHECK(value(average.state(), 0).scalar_type() == torch::kFloat);
  CHECK(torch::allclose(value(average.state(), 0).to(torch::kDouble), expected, 1e-4, 1e-5));
  average.copy_to(model);
  CHECK(model->weight.scalar_type() == torch::kBFloat16);
  CHECK(torch::allclose(model->weight.to(torch::kDouble), expected, 1e-2, 1e-2));
}

TEST_CASE("two swaps restore model and average bitwise, also in bfloat16") {
  const auto type = GENERATE(torch::kDouble, torch::kBFloat16);
  MovingNet model(type);
  hone::ModelAverage average{model, hone::ExponentialAverage{.decay = 0.3}};
  model->move(2);
  average.update(model);
  const auto own = model->weight.detach().clone(), averaged = value(average.state(), 0).clone();
  const auto* const impl = model->weight.unsafeGetTensorImpl();
  const auto* const memory = model->weight.data_ptr();

  average.swap(model);
  CHECK(torch::equal(model->weight, averaged.to(type)));
  CHECK((model->weight.unsafeGetTensorImpl() == impl && model->weight.requires_grad()));
  average.swap(model);
  CHECK(torch::equal(model->weight, own));
  CHECK(torch::equal(value(average.state(), 0), averaged));
  CHECK((model->weight.unsafeGetTensorImpl() == impl && model->weight.data_ptr() == memory));
}

TEST_CASE("weights can be trained after two swaps") {
  MovingNet model;
  hone::ModelAverage average{model};
  torch::optim::SGD optimizer(model->parameters(), 0.5);
  model->forward(torch::ones({3}, torch::kDouble)).sum().backward();
  average.swap(model);
  average.swap(model);
  const auto before = model->weight.detach().clone();
  optimizer.step();
  CHECK(torch::equal(model->weight, before - 0.5));
  model->forward(torch::ones({3}, torch::kDouble)).sum().backward();
  CHECK(near(model->weight.grad(), {2.0, 2.0, 2.0}));
}

TEST_CASE("all functions except swap throw while the averaged values are in the model") {
  MovingNet model;
  hone::ModelAverage average{model};
  average.swap(model);
  CHECK_THROWS_AS(average.update(model), std::logic_error);
  CHECK_THROWS_AS(average.set(model), std::logic_error);
  CHECK_THROWS_AS(average.copy_to(model), std::logic_error);
  CHECK_THROWS_AS(average.state(), std::logic_error);
  CHECK_THROWS_AS(average.load_state({}), std::logic_error);
  average.swap(model);
  average.update(model);
}

TEST_CASE("AveragedWeights restores the model's weights, also after an exception") {
  MovingNet model;
  hone::ModelAverage average{model};
  const auto averaged = model->weight.detach().clone();
  model->move(1);
  const auto own = model->weight.detach().clone();
  try {
    const hone::AveragedWeights scope(average, model);
    CHECK(torch::equal(model->weight, averaged));
    throw std::runtime_error("out");
  } catch (const std::runtime_error&) {
  }
  CHECK(torch::equal(model->weight, own));
}

TEST_CASE("copy_to copies the average to another model of the same architecture") {
  MovingNet model, other;
  other->move(5);
  hone::ModelAverage average{model};
  average.copy_to(other);
  CHECK((torch::equal(other->weight, model->weight) && other->count.item<int>() == 0));
}

TEST_CASE("a model with other tensors throws DataError") {
  MovingNet model;
  hone::ModelAverage average{model};
  try {
    average.update(torch::nn::Linear(2, 2));
    FAIL();
  } catch (const hone::DataError& error) {
    CHECK(std::string(error.what()) ==
          "The model differs from the averaged model: 'weight' has the shape [2, 2], expected [3]. Pass a model with "
          "the same architecture.");
  }
  model->register_buffer("more", torch::ones({1}));
  CHECK_THROWS_AS(average.swap(model), hone::DataError);
  CHECK_THROWS_AS(average.copy_to(model), hone::DataError);
}

TEST_CASE("the model can be a module, a shared pointer, a reference or a scripted module") {
  MovingNet model;
  hone::ModelAverage average{*model};
  model->move(1);
  average.update(model.ptr());
  average.update(std::ref(*model));
  CHECK(average.num_averaged() == 2);

  torch::jit::Module scripted("m");
  scripted.register_parameter("w", torch::ones({2}), false);
  scripted.register_buffer("b", torch::ones({1}));
  hone::ModelAverage of_script{scripted};
  scripted.attr("w").toTensor().fill_(2.0);
  of_script.update(scripted);
  CHECK(near(value(of_script.state(), 0), {1.01, 1.01}, 1e-6));
}

TEST_CASE("a tied parameter is averaged once") {
  torch::nn::Linear first(2, 2), last(2, 2);
  last->weight = last->register_parameter("tied", first->weight);
  torch::nn::Sequential model(first, last);
  hone::ModelAverage average{model};
  CHECK(average.state().tensors.size() == 4);
}

TEST_CASE("an average resumes exactly from a state") {
  MovingNet model;
  const hone::ExponentialAverage rule{.decay = 0.9, .warmup = true};
  hone::ModelAverage whole{model, rule}, first{model, rule};
  model->move(1);
  whole.update(model);
  first.update(model);
  MovingNet fresh;
  hone::ModelAverage second{fresh, rule};
  second.load_state(first.state());
  model->move(2);
  whole.update(model);
  second.update(model);
  CHECK(second.num_averaged() == 2);
  for (std::size_t i = 0; i < 3; ++i) CHECK(torch::equal(value(whole.state(), i), value(second.state(), i)));
}

TEST_CASE("a state that does not fit throws DataError with every reason, and changes nothing") {
  MovingNet model;
  hone::ModelAverage average{model};
  const auto before = value(average.state(), 1).clone();
  hone::AverageState state{{{"weight", torch::ones({2})}, {"running", torch::zeros({2})}, {"other", torch::ones({1})}},
                           3};
  try {
    average.load_state(state);
    FAIL();
  } catch (const hone::DataError& error) {
    CHECK(std::string(error.what()) ==
          "The state does not match the average, which is unchanged: 'other' is not a tensor of this model; 'weight' "
          "has the shape [2], expected [3]; 'count' is missing. Load the state of an average of the same model.");
  }
  CHECK(torch::equal(value(average.state(), 1), before));
  CHECK(average.num_averaged() == 0);
}
