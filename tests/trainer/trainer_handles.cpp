// SPDX-License-Identifier: Apache-2.0
/// Tests of references and pointers to models, losses and data.
#include <torch/torch.h>

#include <functional>
#include <memory>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;
using Pair = tiny::Batch;

struct Plain : torch::nn::Module {
  torch::nn::Linear layer = register_module("layer", torch::nn::Linear(3, 2));
  Tensor forward(Tensor x) { return layer(x); }
};

template <class Model, class Data>
std::int64_t updates_of(Model model, Data&& data) {
  hone::Trainer trainer{std::move(model), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}};
  const auto updates = trainer.train(data).num_updates();
  CHECK(trainer.evaluate(data).at("evaluation_loss") > 0.0);
  CHECK(trainer.predict(data).size(0) == 12);
  return updates;
}

TEST_CASE("models, losses and data can be references and pointers, with datasets and with ranges of batches") {
  Plain module;
  torch::nn::Sequential holder(torch::nn::Linear(3, 2));
  const auto shared = std::make_shared<Plain>();
  const auto data = tiny::dataset();
  const auto batches = tiny::batches(3);
  const auto check = [&](auto make) {
    CHECK(updates_of(make(), data) == 2);
    CHECK(updates_of(make(), batches) == 3);
  };
  check([&] { return std::ref(module); });
  check([&] { return &module; });
  check([&] { return shared; });
  check([&] { return std::shared_ptr<torch::nn::LinearImpl>(holder[0]->as<torch::nn::Linear>(), [](auto*) {}); });
  check([] { return std::make_unique<Plain>(); });
  check([&] { return holder; });
  check([&] { return std::ref(holder); });

  CHECK(updates_of(std::ref(module), std::ref(data)) == 2);
  CHECK(updates_of(std::ref(module), std::ref(batches)) == 3);
  CHECK(updates_of(std::ref(module), &data) == 2);
  CHECK(updates_of(std::ref(module), std::make_shared<hone::TensorDataset<Pair>>(data)) == 2);

  torch::nn::CrossEntropyLoss loss;
  hone::Trainer by_reference{std::ref(module), std::ref(loss), hone::Sgd{.lr = 0.1}};
  CHECK(by_reference.train(data, data).values("eval_loss_epoch").size() == 1);
  hone::Trainer by_pointer{std::ref(module), std::make_shared<torch::nn::CrossEntropyLossImpl>(), hone::Sgd{.lr = 0.1}};
  CHECK(by_pointer.train(data).num_updates() == 2);
}

}  // namespace
