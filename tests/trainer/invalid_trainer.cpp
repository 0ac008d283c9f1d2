// SPDX-License-Identifier: Apache-2.0
#include "hone/trainer/invalid_trainer.hpp"

#include <torch/torch.h>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

// Tests whether types form a valid trainer. tests/compile_fail tests the error messages.
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
static_assert(!composes<Neither, Loss, hone::Sgd>);                                     // not a model
static_assert(!composes<tiny::Net, Loss, Neither>);                                     // not an optimizer
static_assert(!composes<tiny::Net, Loss, hone::Sgd, Neither>);                          // not a policy
static_assert(!composes<tiny::Net, Loss, hone::Sgd, Hears>);                            // a callback outside of a list
static_assert(!composes<tiny::Net, Loss, hone::Sgd, hone::ClipNorm, hone::ClipValue>);  // two policies for a slot
static_assert(!composes<tiny::Net, Loss, hone::Sgd, hone::GradAccum<2>, hone::GradAccum<2>>);  // the same policy twice
static_assert(!composes<tiny::Net, Loss, hone::Sgd, Steps, OtherSteps>);                       // two overrides

TEST_CASE("Composable is true only for types that form a valid trainer") {
  SUCCEED("when the assertions above hold, this file compiles");
}

}  // namespace
