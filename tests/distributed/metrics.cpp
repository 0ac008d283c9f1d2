// SPDX-License-Identifier: Apache-2.0
/// Compares metrics that are merged over ranks with metrics of one rank that has all data.
#include "hone/callbacks/metrics.hpp"

#include <torch/torch.h>

#include <span>
#include <string>
#include <vector>

#include "hone/callbacks/intermediate_evaluation.hpp"
#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "hone/metrics/accuracy.hpp"
#include "hone/metrics/auroc.hpp"
#include "hone/metrics/confusion_matrix.hpp"
#include "hone/metrics/mean_error.hpp"
#include "hone/metrics/perplexity.hpp"
#include "hone/metrics/precision_recall.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using at::Tensor;

/// Applies the metric M to the scores of class 1.
template <class M>
struct OfScores : M {
  [[nodiscard]] Tensor add_up(const Tensor& outputs, const Tensor& target) const {
    return M::add_up(outputs.select(1, 1), target.to(outputs.scalar_type()));
  }
};

/// A user-defined metric that has sums and cannot be serialized.
struct SumOfScores {
  double sum = 0.0;
  [[nodiscard]] static std::string name() { return "sum_of_scores"; }
  void update(const Tensor& outputs, const Tensor&) { sum += outputs.sum().item<double>(); }
  void merge(const SumOfScores& other) { sum += other.sum; }
  void reset() { sum = 0.0; }
  [[nodiscard]] double value() const { return sum; }
  void add(std::span<const double> sums) { sum += sums[0]; }
  [[nodiscard]] std::vector<double> sums() const { return {sum}; }
  bool operator==(const SumOfScores&) const = default;
};
static_assert(!hone::RemembersState<SumOfScores>);

hone::TensorDataset<std::pair<Tensor, Tensor>> dataset(std::int64_t samples) {
  const auto inputs = (torch::arange(samples * 3, at::kDouble) * 0.37).cos().reshape({samples, 3});
  return {inputs, inputs.sum(1).gt(0.3).to(at::kLong)};
}

template <class... Ms>
void compare(const hone::Placement& placement, std::size_t num_metrics, const Ms&... metrics) {
  const auto run = [&](const hone::Placement& place, std::int64_t batch_size) {
    torch::manual_seed(5);
    torch::nn::Linear model(3, 2);
    model->to(at::kDouble);
    auto trainer = hone::Trainer{model,
                                 torch::nn::CrossEntropyLoss(),
                                 hone::Sgd{.lr = 0.05},
                                 hone::Metrics{metrics...}.in_training(),
                                 hone::IntermediateEvaluation{.every_n_updates = 2},
                                 hone::Ddp{hone::Gloo{.placement = place, .timeout = 20s}}};
    auto history =
        trainer.train(dataset(31), dataset(10), {.num_epochs = 2, .per_device_batch_size = batch_size, .seed = 3});
    const auto mark = history.revision();
    for (const auto& [name, record] : trainer.evaluate(dataset(23)).recorded_since(0)) history.append(name, record);
    CHECK(history.recorded_since(mark).size() == num_metrics + 1);
    return history;
  };
  const auto together = run(placement, 3), alone = run({}, 9);
  REQUIRE(together.names() == alone.names());
  REQUIRE(alone.names().size() == 4 * (num_metrics + 1));  // train, eval, intermediate_eval, evaluation
  for (const auto& name : alone.names()) {
    const auto values = together.values(name), expected = alone.values(name);
    REQUIRE(values.size() == expected.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      INFO(name << ", " << i << ": " << values[i].value << ", expected " << expected[i].value);
      CHECK(std::abs(values[i].value - expected[i].value) <= 1e-12 * std::max(1.0, std::abs(expected[i].value)));
    }
  }
}

TEST_CASE("metrics merged over three ranks equal the metrics of one rank with all data") {
  hone::require_ranks(3, 60s, [](const hone::Placement& placement) {
    compare(placement, 15, hone::Accuracy{}, hone::TopKAccuracy{.k = 1}, hone::ConfusionMatrix{},
            hone::Precision{.average = hone::Average::macro}, hone::Recall{.average = hone::Average::weighted},
            hone::F1{.average = hone::Average::micro}, hone::Perplexity{}, hone::Auroc{},
            OfScores<hone::BinaryAccuracy>{}, hone::named("binary_precision", OfScores<hone::Precision>{}),
            OfScores<hone::MeanAbsoluteError>{}, OfScores<hone::MeanSquaredError>{},
            OfScores<hone::RootMeanSquaredError>{}, hone::named("second", hone::Auroc{}), SumOfScores{});
  });
}

}  // namespace
