// SPDX-License-Identifier: Apache-2.0
/// Tests of a trainer's types and components.
#include "hone/step/components.hpp"

#include <torch/torch.h>

#include "hone/optim/adam.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/schedule/step.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using Loss = torch::nn::CrossEntropyLoss;

struct Hears {
  int value = 0;
  void on_train_loss(const hone::TrainLoss&) {}
};
struct Stateless {
  void on_train_loss(const hone::TrainLoss&) {}
};
struct Steps {
  void zero_grad(auto& trainer) { trainer.zero_grad(); }
};
struct CountsSteps {
  int value = 0;
  void zero_grad(auto& trainer) { trainer.zero_grad(); }
};

// -------------------------------------------------------------------------------------------------- static assertions

template <class A, class B>
constexpr bool same = std::is_same_v<A, B>;

using Plain = hone::Trainer<tiny::Net, Loss, hone::Sgd>;
static_assert(std::is_move_constructible_v<Plain> && !std::is_copy_constructible_v<Plain>);

// The arguments after the optimizer can be in any order.
using Forth = hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, hone::GradAccum<4>, Steps, hone::CosineLr,
                            hone::Callbacks<Hears>>;
using Back = hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::Callbacks<Hears>, hone::CosineLr, Steps,
                           hone::GradAccum<4>, hone::ClipNorm>;
static_assert(sizeof(Forth) == sizeof(Back));

// Components without state do not increase the size.
static_assert(sizeof(Plain) ==
              sizeof(hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::Cpu, hone::Fp32, hone::GradAccum<4>,
                                   hone::SingleProcess, hone::Callbacks<Stateless>, Steps>));

// Deduction gives the same types as explicit template arguments.
template <class... Settings>
using Deduced = decltype(hone::Trainer{std::declval<tiny::Net>(), std::declval<Loss>(), std::declval<Settings>()...});
static_assert(same<Deduced<hone::Sgd>, Plain>);
static_assert(
    same<Deduced<hone::Sgd, hone::ClipNorm, Hears, hone::GradAccum<2>>,
         hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, hone::Callbacks<Hears>, hone::GradAccum<2>>>);
static_assert(same<Deduced<hone::Sgd, Hears, Steps, Hears>,
                   hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::Callbacks<Hears>, Steps, hone::Callbacks<Hears>>>);
static_assert(same<Deduced<hone::Sgd, Hears, Steps, Hears>::Traits::Callbacks, hone::CallbackSet<Hears, Hears>>);

// ------------------------------------------------------------------------------------------------------------- cases

TEST_CASE("each argument has its value in any order") {
  const auto require_values = [](auto trainer) {
    CHECK(trainer.optimizer().lr() == 0.5);
    CHECK(trainer.clipping().max_norm == 0.25);
    CHECK(trainer.accumulation().num_batches_per_update() == 3);
    CHECK(trainer.overrides().value == 11);
    CHECK(trainer.schedule().min_lr == 0.125);
    CHECK(trainer.callbacks().template get<Hears>().value == 7);
  };
  const hone::ClipNorm clip{.max_norm = 0.25};
  const hone::GradAccum accumulate{3};
  const CountsSteps steps{11};
  const hone::CosineLr cosine{.min_lr = 0.125};
  const Hears handles{7};
  const hone::Sgd sgd{.lr = 0.5};
  require_values(hone::Trainer{tiny::Net(), Loss(), sgd, clip, accumulate, steps, cosine, handles});
  require_values(hone::Trainer{tiny::Net(), Loss(), sgd, handles, cosine, steps, accumulate, clip});
  require_values(hone::Trainer{tiny::Net(), Loss(), sgd, steps, handles, clip, cosine, accumulate});
}

TEST_CASE("missing arguments have their default") {
  auto trainer = hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, hone::Callbacks<Hears, Stateless>,
                               hone::GradAccum<hone::dynamic>>(tiny::Net(), Loss(), hone::Sgd{.lr = 0.5}, Hears{7},
                                                               hone::ClipNorm{.max_norm = 1.0});
  CHECK(trainer.callbacks().get<Hears>().value == 7);
  CHECK(trainer.optimizer().lr() == 0.5);
  trainer.train(tiny::batches(1));
  CHECK(trainer.run().config().num_batches_per_update == 1);
}

TEST_CASE("a trainer's model, loss, optimizer and schedule are accessible") {
  tiny::Net net;
  auto trainer = hone::Trainer{net, Loss(), hone::AdamW{.lr = 0.25}, hone::StepLr{.step_size = 1}};
  CHECK(trainer.model().get() == net.get());
  CHECK(trainer.loss()(torch::zeros({1, 2}), torch::zeros({1}, torch::kLong)).item<double>() > 0);
  CHECK(trainer.optimizer().parameters().size() == 4);
  trainer.schedule().gamma = 1.0;
  CHECK(trainer.train(tiny::batches(3)).num_updates() == 3);
  CHECK(trainer.optimizer().lr() == 0.25);
  CHECK(trainer.run_history().num_updates() == 3);
}

}  // namespace
