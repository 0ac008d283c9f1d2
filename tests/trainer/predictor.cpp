// SPDX-License-Identifier: Apache-2.0
#include "hone/trainer/predictor.hpp"

#include <torch/torch.h>

#include "hone/callbacks/filters.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/precision/pure.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"
#include "support/temporary_folder.hpp"

namespace {

using tiny::message_of;
using torch::Tensor;

Tensor by_hand(tiny::Net net) {
  const torch::NoGradGuard no_gradients;
  return net(tiny::inputs());
}
tiny::Net frozen() {
  tiny::Net net;
  for (auto& parameter : net->parameters()) parameter.set_requires_grad(false);
  return net;
}

struct Twice {  // not a module
  static Tensor forward(const Tensor& x) { return 2 * x; }
};
struct SumImpl : torch::nn::Module {
  Tensor forward(Tensor x) { return x.sum(1, true).expand({-1, 2}); }
};
TORCH_MODULE(Sum);

TEST_CASE("a predictor needs only a model") {
  CHECK(hone::Predictor{tiny::Net()}.predict(tiny::dataset()).equal(by_hand(tiny::Net())));
  CHECK(hone::Predictor{frozen()}.predict(hone::TensorDataset{tiny::inputs()}).equal(by_hand(tiny::Net())));
  CHECK(hone::Predictor{Sum()}.predict(tiny::batches(3)).size(0) == 12);
  CHECK(hone::Predictor{Twice{}}.predict(tiny::dataset()).equal(2 * tiny::inputs()));
}

struct Sizes {
  static auto predict_batch(auto&, auto& batch) { return torch::full({batch.first.size(0)}, batch.first.size(0)); }
};

TEST_CASE("a predictor accepts policies, callbacks and overrides") {
  int batches = 0;
  hone::Predictor predictor{tiny::Net(), hone::Fp64{}, Sizes{},
                            hone::on<hone::PredictStepEnd>([&](const auto&) { ++batches; })};
  CHECK(predictor.predict(tiny::dataset(), {.per_device_batch_size = 8}).sum().item<int>() == 8 * 8 + 4 * 4);
  CHECK(batches == 2);
}

TEST_CASE("a predictor loads a checkpoint of a trainer") {
  const TemporaryFolder folder;
  tiny::Net net;
  hone::Trainer trainer{net, torch::nn::CrossEntropyLoss(), hone::Adam{.lr = 0.1}};
  trainer.train(tiny::dataset());
  trainer.save_checkpoint(folder / "best.pt");
  hone::Predictor predictor{tiny::Net()};
  predictor.load_checkpoint(folder / "best.pt");
  CHECK(predictor.predict(tiny::dataset()).equal(by_hand(net)));
}

TEST_CASE("a trainer with NoOptimizer evaluates") {
  hone::Trainer trainer{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::NoOptimizer{}};
  hone::Trainer right{tiny::Net(), torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}};
  CHECK(trainer.evaluate(tiny::dataset()).at("evaluation_loss") ==
        right.evaluate(tiny::dataset()).at("evaluation_loss"));
  CHECK(trainer.evaluate_batch(tiny::batches(1)[0]).batch_size == 4);
}

template <class Model, class... Policies>
void check_without_parameters(Model model, Policies... policies) {
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1}, policies...};
  CHECK(trainer.evaluate(tiny::dataset()).at("evaluation_loss") > 0.0);
  CHECK(trainer.predict(tiny::dataset()).size(0) == 12);
  const std::string refusal =
      "The trainer has no parameters to train: when it was constructed, no parameter of the model required a gradient. "
      "Unfreeze one with set_requires_grad(true), or add a layer with parameters, before you construct the trainer.";
  CHECK(message_of<std::invalid_argument>([&] { trainer.train(tiny::dataset()); }) == refusal);
  CHECK(message_of<std::invalid_argument>([&] { trainer.step(tiny::batches(1)[0]); }) == refusal);
}

TEST_CASE("a trainer without trainable parameters evaluates and predicts, and throws when training begins") {
  check_without_parameters(frozen());
  check_without_parameters(Sum());
  check_without_parameters(frozen(), hone::PureBf16{});
  check_without_parameters(frozen(), hone::Fp64{});
}

}  // namespace
