// SPDX-License-Identifier: Apache-2.0
#include "hone/metrics/metric.hpp"

#include <cmath>

#include "hone/metrics/accuracy.hpp"
#include "hone/metrics/auroc.hpp"
#include "support/catch.hpp"

using namespace hone;

namespace {

struct Largest {
  double state = std::nan("");
  void update(double value) { state = std::fmax(state, value); }
  void merge(const Largest& other) { update(other.state); }
  void reset() { state = std::nan(""); }
  [[nodiscard]] double value() const { return state; }
  [[nodiscard]] const char* name() const { return "largest"; }
  friend bool operator==(const Largest&, const Largest&) = default;
};
struct WithoutMerge : Largest {
  void merge(const Largest&) = delete;
};

static_assert(Metric<Largest> && !SummableMetric<Largest> && !Metric<WithoutMerge> && !Metric<int>);
static_assert(Metric<Named<Largest>> && SummableMetric<Named<Accuracy>>);

}  // namespace

TEST_CASE("named returns a metric with the same behavior and another name") {
  auto strict = named("strict", BinaryAccuracy{.threshold = 0.9});
  const std::vector<double> scores{0.95, 0.8};
  const std::vector<std::int64_t> target{1, 1};
  strict.update(scores, target);
  CHECK(strict.name() == "strict");
  CHECK(strict.value() == 0.5);
  auto other = strict;
  other.merge(strict);
  CHECK(other.state == Share{2, 4});
  CHECK_FALSE(other == strict);
  other.reset();
  CHECK(other == named("strict", BinaryAccuracy{.threshold = 0.9}));
  CHECK(named("peak", Largest{1.0}) == named("peak", Largest{1.0}));
  CHECK_FALSE(other == named("other", BinaryAccuracy{.threshold = 0.9}));
}

struct AddsNothingUp {};
static_assert(!hone::AddsUp<AddsNothingUp, int, int>);
