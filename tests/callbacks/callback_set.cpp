// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/callback_set.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace hone;

namespace {

struct Batch {
  int value;
};

struct Empty1 {
  void on_train_step_end(const TrainStepEnd&) {}
};
struct Empty2 {
  void on_predict_run_end(const PredictRunEnd&) {}
};
static_assert(sizeof(CallbackSet<Empty1, Empty2>) == 1);
static_assert(sizeof(CallbackSet<>) == 1);

static_assert(CallbackSet<Empty1, Empty2>::forwards<TrainStepEnd>);
static_assert(CallbackSet<Empty1, Empty2>::forwards<PredictRunEnd>);
static_assert(!CallbackSet<Empty1, Empty2>::forwards<TrainLoss>);
static_assert(!CallbackSet<>::forwards<TrainLoss>);

struct Concrete {
  std::vector<std::string>* log;
  void on_train_step_end(const TrainStepEnd& event) {
    log->push_back("concrete " + std::to_string(event.run.num_updates()));
  }
};
struct Generic {
  std::vector<std::string>* log;
  void on_train_step_end(const auto& event) { log->push_back("generic " + std::to_string(event.batch.value)); }
};

struct Knock {
  int times;
};
struct Listener {
  int heard = 0;
  void on_event(const Knock& knock) { heard += knock.times; }
};

using StepEnd = EventContext<TrainStepEnd, WithBatch<const Batch>>;

}  // namespace

TEST_CASE("CallbackSet passes the plain or the extended event to the hooks, in the order of the callbacks") {
  std::vector<std::string> log;
  CallbackSet<Generic, Concrete> set{Generic{&log}, Concrete{&log}};
  Run run;
  const Batch batch{7};
  set.notify(StepEnd{{{run}}, {batch}});
  REQUIRE(log == std::vector<std::string>{"generic 7", "concrete 0"});
}

TEST_CASE("an event of a custom type is passed to on_event") {
  CallbackSet<Empty1, Listener> set{Empty1{}, Listener{}};
  static_assert(decltype(set)::forwards<Knock>);
  set.notify(Knock{3});
  REQUIRE(set.get<Listener>().heard == 3);
}

TEST_CASE("a CallbackSet may contain a CallbackSet") {
  std::vector<std::string> log;
  CallbackSet<CallbackSet<Concrete>, Concrete> set{CallbackSet<Concrete>{Concrete{&log}}, Concrete{&log}};
  Run run;
  const Batch batch{1};
  static_assert(decltype(set)::forwards<StepEnd>);
  static_assert(!decltype(set)::forwards<TrainLoss>);
  set.notify(StepEnd{{{run}}, {batch}});
  REQUIRE(log.size() == 2);
}

TEST_CASE("get returns the first of several callbacks of the same type, which receives the events") {
  CallbackSet<Listener, Listener> set{Listener{}, Listener{10}};
  set.notify(Knock{1});
  REQUIRE(set.get<Listener>().heard == 1);
}
