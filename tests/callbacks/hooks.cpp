// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/hooks.hpp"

#include "support/catch.hpp"

namespace {

using namespace hone;

struct Knock {};

struct Concrete {
  void on_train_step_end(const TrainStepEnd&) {}
};
struct Generic {
  void on_train_step_end(const auto&) {}
};
struct Returning {
  int on_train_step_end(const TrainStepEnd&) { return 1; }
};
struct Own {
  void on_event(const Knock&) {}
};
struct Deaf {};

using Extended = Told<TrainStepEnd, WithBatch<int>>;

TEST_CASE("a type handles an event if its hook accepts the plain or the extended event and returns void") {
  STATIC_REQUIRE(hears<Concrete, TrainStepEnd>);
  STATIC_REQUIRE(hears<Concrete, Extended>);
  STATIC_REQUIRE(hears<Generic, Extended>);
  STATIC_REQUIRE_FALSE(hears<Concrete, TrainLoss>);
  STATIC_REQUIRE_FALSE(hears<Returning, TrainStepEnd>);
  STATIC_REQUIRE(hears<Own, Knock>);
  STATIC_REQUIRE_FALSE(hears<Concrete, Knock>);
}

TEST_CASE("hears_any_event is true for a type with a hook or on_event") {
  STATIC_REQUIRE(hears_any_event<Concrete>);
  STATIC_REQUIRE(hears_any_event<Own>);
  STATIC_REQUIRE_FALSE(hears_any_event<Deaf>);
}

struct NoRelay {
  void on_train_step_end(const hone::TrainStepEnd&) {}
};
static_assert(!hone::Relay<NoRelay>);

}  // namespace
