// SPDX-License-Identifier: Apache-2.0
#include "hone/metrics/mean_error.hpp"

#include "metrics/parts.hpp"
#include "metrics/samples.hpp"
#include "support/catch.hpp"

using namespace hone;

static_assert(SummableMetric<MeanAbsoluteError> && SummableMetric<MeanSquaredError> &&
              SummableMetric<RootMeanSquaredError>);

namespace {

template <class M>
void check(double expected, const char* name) {
  M metric;
  metric.update(samples::values, samples::truths);
  CHECK(metric.value() == Approx(expected).epsilon(1e-14));
  CHECK(metric.name() == name);
  check_parts(
      M{}, samples::num_samples,
      [](M& part, const std::vector<std::size_t>& rows) {
        part.update(picked(samples::values, rows), picked(samples::truths, rows));
      },
      [](const M& left, const M& right) {
        return left.state.total == right.state.total && left.state.sum == Approx(right.state.sum).epsilon(1e-14);
      });
}

}  // namespace

TEST_CASE("mean errors match scikit-learn, also if merged from parts") {
  check<MeanAbsoluteError>(samples::mean_absolute_error, "mean_absolute_error");
  check<MeanSquaredError>(samples::mean_squared_error, "mean_squared_error");
  check<RootMeanSquaredError>(samples::root_mean_squared_error, "root_mean_squared_error");
}

TEST_CASE("RootMeanSquaredError accepts a single number as a batch") {
  RootMeanSquaredError metric;
  metric.update(1.0, 4.0);
  metric.update(2.0, 6.0);
  CHECK(metric.value() == Approx(std::sqrt(12.5)));
}
