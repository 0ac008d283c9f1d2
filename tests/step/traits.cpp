// SPDX-License-Identifier: Apache-2.0
#include "hone/step/traits.hpp"

#include <torch/torch.h>

#include <type_traits>

#include "hone/optim/sgd.hpp"
#include "hone/schedule/cosine.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using Loss = torch::nn::CrossEntropyLoss;

struct CountsLosses {
  void on_train_loss(const hone::TrainLoss&) {}
};
struct ClearsGradients {
  void zero_grad(auto& trainer) { trainer.zero_grad(); }
};

template <class A, class B>
constexpr bool same = std::is_same_v<A, B>;

}  // namespace

TEST_CASE("each policy slot has a default") {
  using Types = hone::TrainerTraits<tiny::Net, Loss, hone::Sgd>;
  STATIC_REQUIRE(same<Types, hone::Trainer<tiny::Net, Loss, hone::Sgd>::Traits>);
  STATIC_REQUIRE(same<Types::Device, hone::Cpu> && same<Types::Precision, hone::Fp32>);
  STATIC_REQUIRE(same<Types::Distribution, hone::SingleProcess> && same<Types::Accumulation, hone::GradAccum<1>>);
  STATIC_REQUIRE(same<Types::Clipping, hone::NoClip> && same<Types::Schedule, hone::NoSchedule>);
  STATIC_REQUIRE(same<Types::Transfer, hone::Direct> && same<Types::Execution, hone::Eager>);
  STATIC_REQUIRE(same<Types::Callbacks, hone::CallbackSet<>> && same<Types::Overrides, hone::NoOverrides>);
  STATIC_REQUIRE(same<Types::BoundOptimizer, hone::FusedOptimizer<hone::Sgd>>);
  STATIC_REQUIRE(!Types::accumulates && !Types::reduces && !Types::splits && !Types::weighs && !Types::captures);
  STATIC_REQUIRE(!Types::has_schedule && !Types::has_objectives);
}

TEST_CASE("policies, callbacks and overrides can be in any order") {
  using Forth = hone::TrainerTraits<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, hone::GradAccum<4>, ClearsGradients,
                                    hone::CosineLr, hone::Callbacks<CountsLosses>>;
  using Back = hone::TrainerTraits<tiny::Net, Loss, hone::Sgd, hone::Callbacks<CountsLosses>, hone::CosineLr,
                                   ClearsGradients, hone::GradAccum<4>, hone::ClipNorm>;
  STATIC_REQUIRE(same<Forth::Clipping, hone::ClipNorm> && same<Back::Clipping, hone::ClipNorm>);
  STATIC_REQUIRE(same<Forth::Accumulation, hone::GradAccum<4>> && same<Back::Accumulation, hone::GradAccum<4>>);
  STATIC_REQUIRE(same<Forth::Schedule, hone::CosineLr> && same<Back::Schedule, hone::CosineLr>);
  STATIC_REQUIRE(same<Forth::Callbacks, Back::Callbacks> && same<Forth::Overrides, Back::Overrides>);
  STATIC_REQUIRE(Forth::accumulates && Forth::weighs && Forth::has_schedule);
}
