// SPDX-License-Identifier: Apache-2.0
#include "hone/step/untrained.hpp"

#include <torch/torch.h>

#include <string>
#include <utility>

#include "hone/optim/sgd.hpp"
#include "hone/policies/gradients.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/captured_stdout.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using hone::captured;
using Head = hone::FusedOptimizer<hone::Sgd>;

auto head_trainer(tiny::Net& model, auto... callbacks) {
  return hone::Trainer{model, torch::nn::CrossEntropyLoss{},
                       Head(hone::named_parameters(*model->second, "second."), {.lr = 0.1}), std::move(callbacks)...};
}
const std::string warning =
    "hone: no optimizer has 'first.weight', 'first.bias', which require a gradient: they are not trained, and "
    "gradients accumulate. Pass all trainable parameters to the optimizer (FusedOptimizer: add_group), or freeze the "
    "remaining ones with set_requires_grad(false).\n";

struct Unfreezes {
  tiny::Net model;
  void on_train_epoch_start(const auto& event) {
    if (event.run.epoch() == 2) model->first->bias.set_requires_grad(true);
  }
};

}  // namespace

TEST_CASE("a trainer warns once about parameters that no optimizer has") {
  tiny::Net model;
  auto trainer = head_trainer(model);
  const auto said = captured(stderr, [&] {
    trainer.train(tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 4});
    trainer.train(tiny::dataset(), {.num_epochs = 1, .per_device_batch_size = 4});
  });
  CHECK(said == warning);
  CHECK(captured(stderr, [&] { head_trainer(model).step(tiny::batches(1)[0]); }) == warning);
}

TEST_CASE("frozen parameters cause no warning until they are unfrozen") {
  tiny::Net model;
  for (auto& parameter : model->first->parameters()) parameter.set_requires_grad(false);
  auto trainer = head_trainer(model, Unfreezes{model});
  CHECK(
      captured(stderr, [&] { trainer.train(tiny::dataset(), {.num_epochs = 1, .per_device_batch_size = 4}); }).empty());
  const auto said =
      captured(stderr, [&] { trainer.train(tiny::dataset(), {.num_epochs = 2, .per_device_batch_size = 4}); });
  CHECK(tiny::contains(said, "no optimizer has 'first.bias', which requires a gradient: it is not trained"));
}

TEST_CASE("a step does not use gradients that another trainer left") {
  // Two trainers on one model: the second leaves gradients in the first one's parameters.
  const auto require_own = [](auto gradients) {
    tiny::Net together, alone;
    const auto both = [&](tiny::Net& model) {
      return std::pair{hone::Trainer{model, torch::nn::CrossEntropyLoss{},
                                     Head(hone::named_parameters(*model->first, "first."), {.lr = 0.1}), gradients},
                       head_trainer(model, gradients)};
    };
    auto [first, second] = both(together);
    auto [reference, other] = both(alone);
    const auto batch = tiny::batches(1)[0];
    const auto drop = [&] {
      for (auto& parameter : alone->parameters()) parameter.mutable_grad().reset();
    };
    captured(stderr, [&] {
      for (int i = 0; i < 3; ++i) {
        second.step(batch);
        first.step(batch);
        other.step(batch);
        drop();
        reference.step(batch);
        drop();
      }
    });
    CHECK(tiny::equal(tiny::weights(together), tiny::weights(alone)));
  };
  require_own(hone::SetToNone{});
  require_own(hone::KeepGradients{});
}

TEST_CASE("gradients of the batches of one accumulation window are accumulated") {
  tiny::Net a, b;
  auto windows = hone::Trainer{a, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, hone::GradAccum<2>{}};
  auto whole = hone::Trainer{b, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}};
  const auto batches = tiny::batches(2);
  windows.step(batches[0]);
  CHECK(tiny::has_gradients(a));
  windows.step(batches[1]);
  whole.step(tiny::Batch{torch::cat({batches[0].first, batches[1].first}),
                         torch::cat({batches[0].second, batches[1].second})});
  CHECK(tiny::distance(tiny::weights(a), tiny::weights(b)) < 1e-6);
}
