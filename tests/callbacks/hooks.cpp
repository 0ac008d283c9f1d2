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

using Extended = EventContext<TrainStepEnd, WithBatch<int>>;

TEST_CASE("a type handles an event if its hook accepts the plain or the extended event and returns void") {
  STATIC_REQUIRE(handles<Concrete, TrainStepEnd>);
  STATIC_REQUIRE(handles<Concrete, Extended>);
  STATIC_REQUIRE(handles<Generic, Extended>);
  STATIC_REQUIRE_FALSE(handles<Concrete, TrainLoss>);
  STATIC_REQUIRE_FALSE(handles<Returning, TrainStepEnd>);
  STATIC_REQUIRE(handles<Own, Knock>);
  STATIC_REQUIRE_FALSE(handles<Concrete, Knock>);
}

TEST_CASE("handles_any_event is true for a type with a hook or on_event") {
  STATIC_REQUIRE(handles_any_event<Concrete>);
  STATIC_REQUIRE(handles_any_event<Own>);
  STATIC_REQUIRE_FALSE(handles_any_event<Deaf>);
}

struct NoRelay {
  void on_train_step_end(const hone::TrainStepEnd&) {}
};
static_assert(!hone::EventForwarder<NoRelay>);

}  // namespace
