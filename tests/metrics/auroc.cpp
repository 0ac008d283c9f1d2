// SPDX-License-Identifier: Apache-2.0
#include "hone/metrics/auroc.hpp"

#include <cmath>
#include <limits>

#include "metrics/parts.hpp"
#include "metrics/samples.hpp"
#include "support/catch.hpp"

using namespace hone;

static_assert(Metric<Auroc> && !SummableMetric<Auroc>);

TEST_CASE("Auroc matches scikit-learn and torchmetrics, also for ties") {
  Auroc metric;
  metric.update(samples::binary_scores, samples::binary_target);
  CHECK(metric.value() == Approx(samples::auroc).epsilon(1e-14));
  CHECK(metric.value() == Approx(samples::auroc_torchmetrics).epsilon(1e-6));
}

TEST_CASE("Auroc merged from parts equals Auroc of all samples") {
  check_parts(Auroc{}, samples::num_samples, [](auto& metric, const std::vector<std::size_t>& rows) {
    metric.update(picked(samples::binary_scores, rows), picked(samples::binary_target, rows));
  });
}

TEST_CASE("Auroc is NaN if all targets are of one class") {
  Auroc metric;
  const std::vector<double> scores{0.5, 0.7};
  metric.update(scores, std::vector<std::int64_t>{1, 1});
  CHECK(std::isnan(metric.value()));
  metric.update(scores, std::vector<std::int64_t>{0, 0});
  CHECK(metric.value() == 0.5);
}

TEST_CASE("a score that is NaN makes Auroc NaN, also after a merge") {
  Auroc metric, other;
  metric.update(std::vector<double>{0.1, 0.9, std::nan("")}, std::vector<std::int64_t>{0, 1, 0});
  CHECK(std::isnan(metric.value()));
  CHECK(metric.state.negatives.size() == 1);
  other.update(std::vector<double>{0.2, 0.8}, std::vector<std::int64_t>{0, 1});
  CHECK(other.value() == 1.0);
  other.merge(metric);
  CHECK(std::isnan(other.value()));
  other.reset();
  CHECK(other == Auroc{});
}

TEST_CASE("Auroc::update throws for an invalid target and leaves the state unchanged") {
  Auroc metric;
  const std::vector<double> scores{0.5, 0.25};
  CHECK(message_of([&] { metric.update(scores, std::vector<std::int64_t>{1, 2}); }) ==
        "`auroc` got the target 2. Pass targets that are 0 or 1.");
  CHECK(metric == Auroc{});
}
