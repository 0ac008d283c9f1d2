// SPDX-License-Identifier: Apache-2.0
#include "hone/metrics/confusion_matrix.hpp"

#include <cmath>

#include "metrics/parts.hpp"
#include "metrics/samples.hpp"
#include "support/catch.hpp"

using namespace hone;

static_assert(SummableMetric<ConfusionMatrix>);

TEST_CASE("ConfusionMatrix matches scikit-learn: rows are targets, columns are predictions") {
  ConfusionMatrix matrix;
  matrix.update(samples::predicted, samples::target);
  CHECK(matrix.num_classes() == samples::num_classes);
  CHECK(matrix.state == samples::confusion);
  CHECK(matrix.count(0, 4) == 3);
  CHECK(matrix.count(4, 0) == 0);
  CHECK(matrix.count(0, 5) == 0);
  CHECK(matrix.value() == Approx(samples::accuracy));
}

TEST_CASE("precision, recall and F1 can be computed from a ConfusionMatrix") {
  ConfusionMatrix matrix;
  matrix.update(samples::predicted, samples::target);
  const auto counts = matrix.class_counts();
  CHECK(precision(counts, Average::macro) == Approx(samples::precision_macro).epsilon(1e-14));
  CHECK(recall(counts, Average::weighted) == Approx(samples::recall_weighted).epsilon(1e-14));
  CHECK(f1(counts, Average::macro) == Approx(samples::f1_macro).epsilon(1e-14));
}

TEST_CASE("ConfusionMatrix merged from parts equals one of all samples, also if parts have fewer classes") {
  check_parts(ConfusionMatrix{}, samples::num_samples, [](auto& metric, const std::vector<std::size_t>& rows) {
    metric.update(picked(samples::predicted, rows), picked(samples::target, rows));
  });
}

TEST_CASE("sums of an empty ConfusionMatrix have the requested number of classes") {
  CHECK(ConfusionMatrix{}.sums() == std::vector<double>(2, 0.0));
  CHECK(ConfusionMatrix{}.sums(2) == std::vector<double>(6, 0.0));
  ConfusionMatrix matrix;
  matrix.add(matrix.sums());
  CHECK(matrix == ConfusionMatrix{});
}

TEST_CASE("ConfusionMatrix counts outputs that are NaN apart from its rows, and its scores are NaN") {
  ConfusionMatrix matrix, other;
  matrix.add(std::vector<double>{1, 0, 0, 2, 0, 1});
  CHECK(matrix.num_nan == 1);
  CHECK(matrix.count(1, 1) == 2);
  CHECK(std::isnan(matrix.value()));
  CHECK(std::isnan(f1(matrix.class_counts(), Average::macro)));
  other.add(matrix.sums(3));
  other.merge(matrix);
  CHECK(other.num_nan == 2);
  other.reset();
  CHECK(other == ConfusionMatrix{});
}

TEST_CASE("ConfusionMatrix throws with a message for invalid classes, sums and merges") {
  const std::vector<std::int64_t> classes{0, 2}, padded{0, -100};
  CHECK(message_of([&] { ConfusionMatrix{}.update(classes, padded); }) ==
        "`confusion_matrix` got the class index -100. Class indices start at 0; set `ignore_index` to ignore a class.");
  ConfusionMatrix without{.ignore_index = -100};
  without.update(classes, padded);
  CHECK(without.state == std::vector<std::int64_t>{1});
  CHECK_THROWS_AS(without.add(std::vector<double>(5)), std::invalid_argument);
  CHECK_THROWS_AS(without.add(std::vector<double>{}), std::invalid_argument);
  CHECK_THROWS_AS(without.add(std::vector<double>{0, 0, 0, 0, 1, 0}), DataError);
  CHECK_THROWS_AS(without.merge(ConfusionMatrix{}), std::invalid_argument);
}
