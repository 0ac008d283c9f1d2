// SPDX-License-Identifier: Apache-2.0
#include "hone/core/overrides.hpp"

#include "support/catch.hpp"

namespace {

using namespace hone;

struct Trainer {};
struct Own {
  int calls = 0;
  int backward(Trainer&, int& loss) { return ++calls + loss; }
};
struct Misfit {
  void backward(int) {}
};
struct Nothing {
  void forward();
};

static_assert(Overriding<Own> && Overriding<Misfit> && !Overriding<Nothing> && !Overriding<NoOverrides>);
static_assert(has_override<overrides::backward, Own, Trainer, int>);
static_assert(!has_override<overrides::backward, Misfit, Trainer, int>);
static_assert(!has_override<overrides::zero_grad, Own, Trainer>);
static_assert(checked_override<overrides::backward, Own, Trainer, int>);
static_assert(checked_override<overrides::zero_grad, Own, Trainer>);

TEST_CASE("call passes the trainer and the arguments to the override and returns its result") {
  Own own;
  Trainer trainer;
  int loss = 10;
  REQUIRE(overrides::backward::call(own, trainer, loss) == 11);
  REQUIRE(own.calls == 1);
}

}  // namespace
