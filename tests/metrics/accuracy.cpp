// SPDX-License-Identifier: Apache-2.0
#include "hone/metrics/accuracy.hpp"

#include <cmath>
#include <type_traits>

#include "metrics/parts.hpp"
#include "metrics/samples.hpp"
#include "support/catch.hpp"

using namespace hone;

static_assert(SummableMetric<Accuracy> && SummableMetric<BinaryAccuracy> && SummableMetric<TopKAccuracy>);
static_assert(std::is_aggregate_v<Accuracy> && std::is_aggregate_v<TopKAccuracy>);

TEST_CASE("Accuracy and BinaryAccuracy match scikit-learn") {
  Accuracy all, without{.ignore_index = -100};
  all.update(samples::predicted, samples::target);
  without.update(samples::predicted, samples::target_with_ignored);
  CHECK(all.value() == Approx(samples::accuracy).epsilon(1e-15));
  CHECK(without.value() == Approx(samples::accuracy_without_ignored).epsilon(1e-15));
  CHECK(all.state == Share{10, 24});

  BinaryAccuracy binary;
  binary.update(samples::binary_scores, samples::binary_target);
  CHECK(binary.value() == Approx(samples::binary_accuracy).epsilon(1e-15));
}

TEST_CASE("TopKAccuracy matches scikit-learn") {
  const double expected[] = {samples::top1, samples::top2, samples::top3};
  for (std::int64_t k = 1; k <= 3; ++k) {
    TopKAccuracy metric{k};
    metric.update(samples::scores, samples::target);
    CHECK(metric.value() == Approx(expected[k - 1]).epsilon(1e-15));
  }
  CHECK(TopKAccuracy{.k = 5}.name() == "top5_accuracy");
}

TEST_CASE("accuracies merged from parts equal the accuracy of all samples") {
  check_parts(Accuracy{}, samples::num_samples, [](auto& metric, const std::vector<std::size_t>& rows) {
    metric.update(picked(samples::predicted, rows), picked(samples::target, rows));
  });
  check_parts(BinaryAccuracy{}, samples::num_samples, [](auto& metric, const std::vector<std::size_t>& rows) {
    metric.update(picked(samples::binary_scores, rows), picked(samples::binary_target, rows));
  });
  check_parts(TopKAccuracy{.k = 2}, samples::num_samples, [](auto& metric, const std::vector<std::size_t>& rows) {
    metric.update(picked(samples::scores, rows, samples::num_classes), picked(samples::target, rows));
  });
}

TEST_CASE("an output that is NaN makes BinaryAccuracy and TopKAccuracy NaN, unless its target is ignored") {
  const double nan = std::nan("");
  BinaryAccuracy binary{.ignore_index = -1};
  binary.update(std::vector<double>{0.9, nan}, std::vector<std::int64_t>{1, -1});
  CHECK(binary.value() == 1.0);
  binary.update(std::vector<double>{nan}, std::vector<std::int64_t>{0});
  CHECK(std::isnan(binary.value()));
  CHECK(binary.state == Share{1, 2, 1});

  TopKAccuracy top{2};
  top.update(std::vector<double>{0.1, nan, 0.2}, std::vector<std::int64_t>{2});
  CHECK(std::isnan(top.value()));
  TopKAccuracy merged{2};
  merged.update(std::vector<double>{0.1, INFINITY, 0.2}, std::vector<std::int64_t>{2});
  CHECK(merged.value() == 1.0);
  merged.add(top.sums());
  CHECK(std::isnan(merged.value()));
}

TEST_CASE("accuracies throw std::invalid_argument with a message for invalid outputs, settings and sums") {
  const std::vector<std::int64_t> one{1}, two{1, 0};
  const std::vector<double> scores{0.1, 0.9};
  CHECK(message_of([&] { Accuracy{}.update(one, two); }) ==
        "`accuracy` got 1 outputs and 2 targets. Pass one target for each output.");
  CHECK(message_of([&] { TopKAccuracy{.k = 5}.update(scores, one); }) ==
        "TopKAccuracy::k is 5, and the outputs have 2 classes. Set it to a number from 1 to 2.");
  CHECK_THROWS_AS(TopKAccuracy{.k = 0}.update(scores, one), std::invalid_argument);
  CHECK(message_of([&] { Accuracy{}.add(Accuracy{}.sums()), Accuracy{}.add(std::span(scores).first(1)); }) ==
        "`accuracy` got 1 sums but has 3. Pass the result of `sums()`.");
  CHECK(message_of([] { TopKAccuracy{.k = 2}.merge(TopKAccuracy{.k = 3}); }) ==
        "`top2_accuracy` cannot be merged with a metric that has other settings. Use the same settings for both.");
}
