// SPDX-License-Identifier: Apache-2.0
/// What a trainer is made of: its types and its parts.
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

// ------------------------------------------------------------------------------- facts that hold before anything runs

template <class A, class B>
constexpr bool same = std::is_same_v<A, B>;

using Plain = hone::Trainer<tiny::Net, Loss, hone::Sgd>;
static_assert(std::is_move_constructible_v<Plain> && !std::is_copy_constructible_v<Plain>);

// The order of what stands behind the optimizer is free.
using Forth = hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, hone::GradAccum<4>, Steps, hone::CosineLr,
                            hone::Callbacks<Hears>>;
using Back = hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::Callbacks<Hears>, hone::CosineLr, Steps,
                           hone::GradAccum<4>, hone::ClipNorm>;
static_assert(sizeof(Forth) == sizeof(Back));

// What carries no state takes no room.
static_assert(sizeof(Plain) ==
              sizeof(hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::Cpu, hone::Fp32, hone::GradAccum<4>,
                                   hone::SingleProcess, hone::Callbacks<Stateless>, Steps>));

// Deduction names the same types as writing them out.
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

TEST_CASE("values are given in any order; what is left out has its default") {
  auto trainer = hone::Trainer<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, hone::Callbacks<Hears, Stateless>,
                               hone::GradAccum<hone::dynamic>>(tiny::Net(), Loss(), hone::Sgd{.lr = 0.5}, Hears{7},
                                                               hone::ClipNorm{.max_norm = 1.0});
  CHECK(trainer.callbacks().get<Hears>().value == 7);
  CHECK(trainer.optimizer().lr() == 0.5);
  trainer.train(tiny::batches(1));
  CHECK(trainer.run().config().num_batches_per_update == 1);
}

TEST_CASE("a trainer's parts are at hand") {
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
