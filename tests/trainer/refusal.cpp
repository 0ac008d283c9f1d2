// SPDX-License-Identifier: Apache-2.0
#include "hone/trainer/refusal.hpp"

#include <torch/torch.h>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

// Types that make a trainer and types that do not, told apart without a word. The sentences are in tests/compile_fail.
namespace {

using Loss = torch::nn::CrossEntropyLoss;
struct Hears {
  void on_init_end(const hone::InitEnd&) {}
};
struct Steps {
  void backward(auto&, auto&) {}
};
struct OtherSteps {
  void zero_grad(auto&) {}
};
struct Neither {};

template <class Model, class L, class Optimizer, class... Policies>
constexpr bool composes = hone::Composable<Model, L, Optimizer, Policies...>;

static_assert(composes<tiny::Net, Loss, hone::Sgd>);
static_assert(composes<tiny::Net, Loss, torch::optim::SGD> &&
              composes<tiny::NetImpl, Loss, std::shared_ptr<torch::optim::SGD>>);
static_assert(composes<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, Steps, hone::GradAccum<2>, hone::Callbacks<Hears>>);
static_assert(composes<tiny::Net, Loss, hone::Sgd, hone::Callbacks<Hears>, hone::Callbacks<Hears>>);
static_assert(!composes<tiny::Net, hone::Sgd, Loss>);                                   // in the wrong order
static_assert(!composes<Neither, Loss, hone::Sgd>);                                     // no model
static_assert(!composes<tiny::Net, Loss, Neither>);                                     // no optimizer
static_assert(!composes<tiny::Net, Loss, hone::Sgd, Neither>);                          // no policy
static_assert(!composes<tiny::Net, Loss, hone::Sgd, Hears>);                            // a callback outside of a list
static_assert(!composes<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, hone::ClipValue>);  // one slot, two answers
static_assert(!composes<tiny::Net, Loss, hone::Sgd, hone::GradAccum<2>, hone::GradAccum<2>>);  // the same one twice
static_assert(!composes<tiny::Net, Loss, hone::Sgd, Steps, OtherSteps>);                       // two overrides

TEST_CASE("types that make no trainer are told apart from those that do") {
  SUCCEED("when the assertions above hold, this file compiles");
}

}  // namespace
