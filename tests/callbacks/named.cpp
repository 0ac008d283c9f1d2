// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/named.hpp"

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "hone/callbacks/early_stopping.hpp"
#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/limit_batches.hpp"
#include "hone/metrics/accuracy.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

struct Quiet {
  void on_train_step_end(const TrainStepEnd&) {}
};
struct Count {
  int steps = 0;
  void on_train_step_end(const TrainStepEnd&) { ++steps; }
  void serialize(auto& archive) { archive("steps", steps); }
};
struct Knock {};
struct Doorman {
  int knocks = 0;
  void on_event(const Knock&) { ++knocks; }
};

/// An archive that records the path of each value.
struct Paths {
  std::vector<std::string>* all;
  std::string place{};
  void operator()(std::string_view name, auto&& thing) {
    const std::string path = place + "/" + std::string(name);
    if constexpr (HasSerialize<std::remove_reference_t<decltype(thing)>>) {
      Paths inside{all, path};
      thing.serialize(inside);
    } else {
      all->push_back(path);
    }
  }
};

using NamedQuiet = NamedCallback<"quiet", Quiet>;
static_assert(EventForwarder<NamedQuiet> && checked_callback<NamedQuiet> && NamedQuiet::name() == "quiet");
static_assert(handles<NamedQuiet, TrainStepEnd> && !handles<NamedQuiet, TrainLoss>);
static_assert(sizeof(NamedQuiet) == 1 && sizeof(CallbackSet<NamedQuiet>) == 1);
static_assert(sizeof(NamedCallback<"stop", EarlyStopping>) == sizeof(EarlyStopping));
static_assert(std::default_initializable<NamedQuiet>);
static_assert(LimitsBatches<NamedCallback<"few", LimitBatches>> && !LimitsBatches<NamedQuiet>);
static_assert(std::same_as<decltype(named<"quiet">(Quiet{})), NamedQuiet>);
static_assert(std::same_as<decltype(named("strict", Accuracy{})), Named<Accuracy>>);

}  // namespace

TEST_CASE("get returns callbacks of the same type by name") {
  CallbackSet set{named<"head">(EarlyStopping{.patience = 3, .watch_metric = "head"}),
                  named<"body">(EarlyStopping{.patience = 1, .watch_metric = "body"})};
  EarlyStopping& head = set.get<"head">();
  CHECK(head.patience == 3);
  CHECK(set.get<"body">().watch_metric == "body");

  RunDriver driver;
  set.notify(TrainingRunStart{{driver.run}});
  for (int epoch = 0; epoch < 2; ++epoch) {
    driver.run.history().record("head", 1.0, Phase::eval);
    driver.run.history().record("body", 1.0, Phase::eval);
    set.notify(TrainingRunEpochEnd{{driver.run}});
    driver.run.history().increment_epoch();
  }
  CHECK(head.state.waited == 1);
  CHECK(driver.run.stop_reason() == "Stopping training due to no improvement after 1 epochs");
}

TEST_CASE("get by type returns the first callback of the type, named or not") {
  CallbackSet set{named<"first">(EarlyStopping{.patience = 3}), EarlyStopping{.patience = 1}, Quiet{}};
  CHECK(set.get<EarlyStopping>().patience == 3);
  CHECK(&set.get<EarlyStopping>() == &set.get<"first">());
  static_assert(std::same_as<decltype(set.get<Quiet>()), Quiet&>);
}

TEST_CASE("named forwards custom events, and accepts a filter") {
  int heard = 0;
  RunDriver driver;
  CallbackSet set{named<"door">(Doorman{}),
                  named<"thin">(every<2>(on<TrainStepEnd>([&heard](const auto&) { ++heard; })))};
  for (int step = 0; step < 5; ++step) set.notify(TrainStepEnd{{driver.run}});
  set.notify(Knock{});
  CHECK(heard == 2);
  CHECK(set.get<"door">().knocks == 1);
}

TEST_CASE("named forwards batch limits") {
  const CallbackSet set{named<"long">(LimitBatches{.num_batches = 9}), named<"short">(LimitBatches{.num_batches = 4})};
  CHECK(set.batch_limit(Phase::train) == 4);
}

TEST_CASE("the state of a named callback is serialized under its name") {
  CallbackSet set{named<"head">(Count{}), named<"quiet">(Quiet{}), named<"body">(every_epochs<2>(Count{}))};
  std::vector<std::string> paths;
  Paths archive{&paths};
  set.serialize(archive);
  CHECK(paths == std::vector<std::string>{"/head/callback/steps", "/body/callback/callback/steps"});
}
