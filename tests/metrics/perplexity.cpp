// SPDX-License-Identifier: Apache-2.0
#include "hone/metrics/perplexity.hpp"

#include "metrics/parts.hpp"
#include "metrics/samples.hpp"
#include "support/catch.hpp"

using namespace hone;

static_assert(SummableMetric<Perplexity>);

TEST_CASE("Perplexity matches torchmetrics") {
  Perplexity metric;
  metric.update(samples::log_likelihoods);
  CHECK(metric.value() == Approx(samples::perplexity).epsilon(1e-12));
}

TEST_CASE("Perplexity merged from parts equals Perplexity of all samples") {
  check_parts(
      Perplexity{}, samples::num_samples,
      [](Perplexity& metric, const std::vector<std::size_t>& rows) {
        metric.update(picked(samples::log_likelihoods, rows));
      },
      [](const Perplexity& left, const Perplexity& right) {
        return left.state.total == right.state.total &&
               left.state.negative_log_likelihood == Approx(right.state.negative_log_likelihood).epsilon(1e-14);
      });
}

TEST_CASE("Perplexity throws for targets outside the vocabulary and for merges of different settings") {
  CHECK(message_of([] { Perplexity{}.add(std::vector<double>{1.0, 2.0, 3.0}); }) ==
        "`perplexity` got 3 targets that are outside the vocabulary. Pass token indices from 0, or set `ignore_index` "
        "to the index to ignore.");
  CHECK_THROWS_AS(Perplexity{}.merge(Perplexity{.ignore_index = {}}), std::invalid_argument);
}
