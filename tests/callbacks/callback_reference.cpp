// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/callback_reference.hpp"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "hone/callbacks/early_stopping.hpp"
#include "hone/callbacks/filters.hpp"
#include "hone/callbacks/limit_batches.hpp"
#include "hone/callbacks/metrics.hpp"
#include "hone/callbacks/named.hpp"
#include "hone/metrics/accuracy.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

using namespace hone;

namespace {

struct Counts {
  int batches = 0;
  void on_train_step_end(const TrainStepEnd&) { ++batches; }
  void serialize(auto& archive) { archive("batches", batches); }
};
struct KeepsState {
  struct State {
    int batches = 0;
    void serialize(auto& archive) { archive("batches", batches); }
  };
  State state{};
  void on_train_step_end(const TrainStepEnd&) { ++state.batches; }
};
struct ConstHook {
  int* batches;
  void on_train_step_end(const TrainStepEnd&) const { ++*batches; }
};
struct MoveOnly {
  std::unique_ptr<int> batches = std::make_unique<int>(0);
  void on_train_step_end(const auto&) { ++*batches; }
};

/// An archive that records the path and the number of each value.
struct Paths {
  std::vector<std::string>* all;
  std::string place{};
  void operator()(std::string_view name, auto&& thing) {
    const std::string path = place + "/" + std::string(name);
    if constexpr (HasSerialize<std::remove_reference_t<decltype(thing)>>) {
      Paths inside{all, path};
      thing.serialize(inside);
    } else {
      all->push_back(path + "=" + std::to_string(thing));
    }
  }
};
std::vector<std::string> paths_of(auto& set) {
  std::vector<std::string> all;
  Paths archive{&all};
  set.serialize(archive);
  return all;
}

using Reference = CallbackReference<Counts>;
static_assert(EventForwarder<Reference> && handles<Reference, TrainStepEnd> && !handles<Reference, TrainLoss>);
static_assert(!CallbackSet<Reference>::forwards<TrainLoss> && !CallbackSet<Reference>::forwards<EvalStepEnd>);
static_assert(
    std::is_same_v<decltype(CallbackSet{std::declval<std::reference_wrapper<Counts>>()}), CallbackSet<Reference>>);
static_assert(LimitsBatches<CallbackReference<LimitBatches>> && !LimitsBatches<Reference>);
static_assert(RemembersState<Reference> && RemembersState<CallbackReference<KeepsState>> &&
              !RemembersState<CallbackReference<ConstHook>> && !RemembersState<CallbackReference<MoveOnly>>);
static_assert(NeedsRun<CallbackReference<LimitBatches>> && !NeedsRun<Reference>);
static_assert(detail::is_collective<CallbackReference<Metrics<Accuracy>>> &&
              detail::is_collective<NamedCallback<"a", Metrics<Accuracy>>> && !detail::is_collective<Reference>);

}  // namespace

TEST_CASE("a callback by reference calls the caller's object and does not copy it") {
  Counts counts;
  MoveOnly unique;
  auto shared = std::make_shared<Counts>();
  CallbackSet set{std::ref(counts), std::ref(unique), shared, Counts{}};
  RunDriver driver;
  for (int i = 0; i < 3; ++i) set.notify(TrainStepEnd{{driver.run}});
  CHECK(counts.batches == 3);
  CHECK(*unique.batches == 3);
  CHECK(shared->batches == 3);
  CHECK(shared.use_count() == 2);

  counts.batches = 10;  // the set uses the object that the caller changed
  set.notify(TrainStepEnd{{driver.run}});
  CHECK(counts.batches == 11);
  CHECK(&set.get<Counts>() == &counts);
  set.get<Counts>().batches = 0;
  CHECK(counts.batches == 0);
}

TEST_CASE("a callback by constant reference is called if its hooks are const") {
  int batches = 0;
  const ConstHook hook{&batches};
  CallbackSet set{std::cref(hook)};
  RunDriver driver;
  set.notify(TrainStepEnd{{driver.run}});
  CHECK(batches == 1);
}

TEST_CASE("filters and named accept callbacks by reference") {
  Counts often, seldom, once, head, zero;
  CallbackSet set{every<2>(std::ref(often)), every_epochs<2>(std::ref(seldom)), once_at(3, std::ref(once)),
                  named<"head">(std::ref(head)), rank_zero(std::ref(zero))};
  RunDriver driver;
  for (int i = 0; i < 4; ++i) set.notify(TrainStepEnd{{driver.run}});
  CHECK(often.batches == 2);
  CHECK(seldom.batches == 0);
  CHECK(once.batches == 1);
  CHECK(head.batches == 4);
  CHECK(zero.batches == 4);
  CHECK(&set.get<"head">() == &head);
}

TEST_CASE("batch_limit through a reference returns the current limit of the callback") {
  LimitBatches limit{.num_batches = 5};
  CallbackSet set{std::ref(limit)};
  CHECK(set.batch_limit(Phase::train) == 5);
  limit.num_batches = 2;
  CHECK(set.batch_limit(Phase::train) == 2);
}

TEST_CASE("a callback by reference serializes the same state as the callback by value") {
  Counts counts{7};
  KeepsState other{.state = {9}};
  CallbackSet by_value{counts, other, named<"head">(counts)};
  CallbackSet by_reference{std::ref(counts), std::ref(other), named<"head">(std::ref(counts))};
  CHECK(paths_of(by_reference) == paths_of(by_value));
  CHECK(paths_of(by_reference).size() == 3);
}

TEST_CASE("CallbackSet throws std::invalid_argument for a null pointer to a callback") {
  try {
    CallbackSet set{std::shared_ptr<EarlyStopping>()};
    FAIL("accepted");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()) ==
          "The std::shared_ptr to the callback EarlyStopping is null. Pass one that points to a callback.");
  }
}
