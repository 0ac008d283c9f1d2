// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/events.hpp"

#include "support/catch.hpp"

namespace {

using namespace hone;

struct Knock {};

using Extended = EventContext<TrainEpochEnd, WithBatch<int>>;
static_assert(std::is_same_v<PlainEventOf<Extended>, TrainEpochEnd>);
static_assert(std::is_same_v<PlainEventOf<TrainEpochEnd>, TrainEpochEnd>);
static_assert(std::is_same_v<PlainEventOf<Knock>, Knock>);
static_assert(std::is_convertible_v<const Extended&, const TrainEpochEnd&>);

TEST_CASE("an extended event is the plain event plus references to the trainer's data") {
  Run run;
  int batch = 5;
  const Extended event{{{run}, 0.5}, {batch}};
  CHECK(&event.run == &run);
  CHECK(event.loss == 0.5);
  CHECK(&event.batch == &batch);
}

}  // namespace
