// SPDX-License-Identifier: Apache-2.0
#include "hone/metrics/precision_recall.hpp"

#include <type_traits>

#include "metrics/parts.hpp"
#include "metrics/samples.hpp"
#include "support/catch.hpp"

using namespace hone;

static_assert(SummableMetric<Precision> && SummableMetric<Recall> && SummableMetric<F1>);
static_assert(std::is_aggregate_v<F1>);

namespace {

template <class M>
double value_of(M metric, const std::vector<std::int64_t>& predicted, const std::vector<std::int64_t>& target) {
  metric.update(predicted, target);
  return metric.value();
}
template <class M>
double averaged_by(Average average) {
  return value_of(M{.average = average}, samples::predicted, samples::target);
}
template <class M>
double of_class_one() {
  return value_of(M{}, samples::binary_predicted, samples::binary_target);
}

}  // namespace

TEST_CASE("Precision, Recall and F1 match scikit-learn for each average") {
  CHECK(averaged_by<Precision>(Average::macro) == Approx(samples::precision_macro).epsilon(1e-14));
  CHECK(averaged_by<Precision>(Average::micro) == Approx(samples::precision_micro).epsilon(1e-14));
  CHECK(averaged_by<Precision>(Average::weighted) == Approx(samples::precision_weighted).epsilon(1e-14));
  CHECK(averaged_by<Recall>(Average::macro) == Approx(samples::recall_macro).epsilon(1e-14));
  CHECK(averaged_by<Recall>(Average::micro) == Approx(samples::recall_micro).epsilon(1e-14));
  CHECK(averaged_by<Recall>(Average::weighted) == Approx(samples::recall_weighted).epsilon(1e-14));
  CHECK(averaged_by<F1>(Average::macro) == Approx(samples::f1_macro).epsilon(1e-14));
  CHECK(averaged_by<F1>(Average::micro) == Approx(samples::f1_micro).epsilon(1e-14));
  CHECK(averaged_by<F1>(Average::weighted) == Approx(samples::f1_weighted).epsilon(1e-14));
  CHECK(averaged_by<F1>(Average::macro) == Approx(samples::f1_macro_torchmetrics).epsilon(1e-6));
}

TEST_CASE("Average::binary is the score of class 1") {
  CHECK(of_class_one<Precision>() == Approx(samples::precision_binary).epsilon(1e-14));
  CHECK(of_class_one<Recall>() == Approx(samples::recall_binary).epsilon(1e-14));
  CHECK(of_class_one<F1>() == Approx(samples::f1_binary).epsilon(1e-14));
}

TEST_CASE("a target equal to ignore_index is not counted") {
  CHECK(value_of(F1{.average = Average::macro, .ignore_index = -100}, samples::predicted,
                 samples::target_with_ignored) == Approx(samples::f1_macro_without_ignored).epsilon(1e-14));
}

TEST_CASE("Precision, Recall and F1 merged from parts equal the scores of all samples") {
  const auto see = [](auto& metric, const std::vector<std::size_t>& rows) {
    metric.update(picked(samples::predicted, rows), picked(samples::target, rows));
  };
  check_parts(Precision{.average = Average::macro}, samples::num_samples, see);
  check_parts(Recall{.average = Average::weighted}, samples::num_samples, see);
  check_parts(F1{.average = Average::micro}, samples::num_samples, see);
}

TEST_CASE("sums(num_classes) of a rank with fewer samples can be added to the sums of other ranks") {
  Recall empty{.average = Average::macro}, seen{.average = Average::macro};
  seen.update(samples::predicted, samples::target);
  auto total = seen.sums();
  const auto nothing = empty.sums(seen.state.num_classes());
  REQUIRE(nothing.size() == total.size());
  for (std::size_t i = 0; i < total.size(); ++i) total[i] += nothing[i];
  empty.add(total);
  CHECK(empty == seen);
}

TEST_CASE("Precision, Recall and F1 throw with a message for invalid classes, sums and merges") {
  const std::vector<std::int64_t> classes{0, 2}, negative{0, -1};
  CHECK(message_of([&] { F1{}.update(classes, classes); }) ==
        "`f1` has Average::binary but got 3 classes. Use Average::macro, micro or weighted.");
  CHECK(message_of([&] { Recall{}.update(negative, classes); }) ==
        "`recall` got the class index -1. Class indices start at 0; set `ignore_index` to ignore a class.");
  const std::vector<double> sums{1, 1, 2, 2, 1, 1, 3, 0};
  CHECK(message_of([&] { Precision{}.add(sums); }) ==
        "`precision` got 3 targets that are not class indices from 0 to 1. Pass class indices, or set `ignore_index` "
        "to the index to ignore.");
  CHECK_THROWS_AS(Precision{}.add(std::span(sums).first(3)), std::invalid_argument);
  CHECK_THROWS_AS(Precision{}.merge(Precision{.threshold = 0.9}), std::invalid_argument);
}
