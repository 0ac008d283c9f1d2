// SPDX-License-Identifier: Apache-2.0
#include "hone/callbacks/metrics.hpp"

#include <any>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/callbacks/callback_set.hpp"
#include "hone/callbacks/log_metrics.hpp"
#include "hone/metrics/accuracy.hpp"
#include "support/captured.hpp"
#include "support/catch.hpp"
#include "support/run_driver.hpp"

namespace {

/// A tensor of one dimension with the members that sums need, which counts its copies to the host.
struct Row {
  std::vector<double> values;
  int* num_reads = nullptr;

  [[nodiscard]] std::vector<long> sizes() const { return {numel()}; }
  [[nodiscard]] long numel() const { return static_cast<long>(values.size()); }
  void add_(const Row& other) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += other.values[i];
  }
  [[nodiscard]] Row cpu() const { return *this; }
  [[nodiscard]] Row resolve_neg() const { return *this; }
  [[nodiscard]] Row contiguous() const {
    if (num_reads) ++*num_reads;
    return *this;
  }
  template <class T>
  [[nodiscard]] const T* data_ptr() const {
    return values.data();
  }
};

/// The mean of outputs minus targets, with `add_up` on the device.
struct Bias {
  std::vector<double> state{0.0, 0.0};
  [[nodiscard]] std::string name() const { return "bias"; }
  [[nodiscard]] double value() const { return state[0] / state[1]; }
  void reset() { state = {0.0, 0.0}; }
  void merge(const Bias& other) { add(other.state); }
  void add(std::span<const double> sums) {
    for (std::size_t i = 0; i < sums.size(); ++i) state.at(i) += sums[i];
  }
  [[nodiscard]] std::vector<double> sums() const { return state; }
  [[nodiscard]] Row add_up(const Row& outputs, const Row& target) const {
    Row sums{{0.0, static_cast<double>(outputs.numel())}, outputs.num_reads};
    for (std::size_t i = 0; i < outputs.values.size(); ++i) sums.values[0] += outputs.values[i] - target.values[i];
    return sums;
  }
  friend bool operator==(const Bias&, const Bias&) = default;
};
/// The largest output, without `add_up`.
struct Peak {
  double state = std::nan("");
  [[nodiscard]] const char* name() const { return "peak"; }
  [[nodiscard]] double value() const { return state; }
  void reset() { state = std::nan(""); }
  void merge(const Peak& other) { state = std::fmax(state, other.state); }
  void update(const Row& outputs, const Row&) {
    for (const double value : outputs.values) state = std::fmax(state, value);
  }
  friend bool operator==(const Peak&, const Peak&) = default;
};

/// The sum of outputs, whose state is neither `state` nor serialized: only `sums` and `add` give access to it.
struct Total {
  double total = 0.0, count = 0.0;
  [[nodiscard]] std::string name() const { return "total"; }
  [[nodiscard]] double value() const { return total / count; }
  void reset() { *this = {}; }
  void merge(const Total& other) { add(other.sums()); }
  void add(std::span<const double> sums) {
    total += sums[0];
    count += sums[1];
  }
  [[nodiscard]] std::vector<double> sums() const { return {total, count}; }
  void update(const Row& outputs, const Row&) {
    for (const double value : outputs.values) add(std::vector<double>{value, 1.0});
  }
};

/// An archive that stores values by the path of their names, and loads them.
struct Store {
  std::map<std::string, std::any> saved{};
  bool is_loading = false;
  std::string path{};

  void operator()(std::string_view name, auto& value) {
    const std::string before = path;
    path += "/" + std::string(name);
    if constexpr (requires { value.serialize(*this); }) {
      value.serialize(*this);
    } else if (is_loading) {
      value = std::any_cast<std::remove_reference_t<decltype(value)>>(saved.at(path));
    } else {
      saved[path] = value;
    }
    path = before;
  }
};

struct Output {
  Row outputs;
};
using Batch = std::pair<Row, Row>;

using namespace hone;

static_assert(checked_callback<Metrics<Bias, Peak>> && checked_callback<TrainingMetrics<Bias>>);
static_assert(handles<Metrics<Bias>, EvalEpochEnd> && !handles<Metrics<Bias>, TrainEpochEnd>);
static_assert(handles<TrainingMetrics<Bias>, TrainEpochEnd> && handles<TrainingMetrics<Bias>, EvalEpochEnd>);
static_assert(std::is_default_constructible_v<TrainingMetrics<Bias, Peak>>);
static_assert(std::is_same_v<decltype(Metrics{Bias{}}.in_training()), TrainingMetrics<Bias>>);

template <class E>
void step(auto& set, Run& run, std::vector<double> outputs, int* num_reads = nullptr) {
  const Batch batch{{}, {std::vector<double>(outputs.size(), 1.0)}};
  const Output output{{std::move(outputs), num_reads}};
  set.notify(EventContext<E, WithBatch<const Batch>, WithOutput<Output>>{{{run}}, {batch}, {output}});
}

struct Watching {
  RunDriver driver{};
  int num_reads = 0;

  void evaluate(auto& set, Phase phase, const std::vector<std::vector<double>>& batches) {
    driver.set_phase(phase);
    set.notify(EvalEpochStart{{driver.run}});
    for (const auto& outputs : batches) step<EvalStepEnd>(set, driver.run, outputs, &num_reads);
    set.notify(EvalEpochEnd{{driver.run}, 0.0});
  }
  [[nodiscard]] std::optional<double> latest(const char* name) const { return driver.run.history().latest(name); }
};

}  // namespace

TEST_CASE("Metrics records its values at the end of an evaluation, weighted by samples") {
  Watching run;
  CallbackSet set{Metrics{Bias{}, Peak{}}};
  for (int epoch = 0; epoch < 2; ++epoch) {
    run.evaluate(set, Phase::eval, {{1, 2, 3}, {5}});
    CHECK(run.latest("eval_bias_epoch") == 1.75);
    CHECK(run.latest("eval_peak_epoch") == 5.0);
  }
  run.evaluate(set, Phase::evaluation, {{2}});
  CHECK(run.latest("evaluation_bias") == 1.0);
  CHECK(run.latest("evaluation_peak") == 2.0);
  CHECK(run.driver.run.history().values("evaluation_bias")[0].phase == Phase::evaluation);
  CHECK(run.driver.run.history().names() ==
        std::vector<std::string>{"eval_bias_epoch", "eval_peak_epoch", "evaluation_bias", "evaluation_peak"});
}

TEST_CASE("Metrics reads sums on the device once, at the end of the epoch") {
  Watching run;
  CallbackSet set{Metrics{Bias{}}};
  run.evaluate(set, Phase::eval, {{1, 2, 3}, {5}, {7, 8}});
  CHECK(run.num_reads == 1);
}

TEST_CASE("in_training computes metrics of training, separate from evaluations within the epoch") {
  Watching run;
  CallbackSet set{Metrics{Bias{}}.in_training()};
  auto& metrics = set.get<TrainingMetrics<Bias>>();
  run.driver.set_phase(Phase::train);
  set.notify(TrainEpochStart{{run.driver.run}});
  step<TrainStepEnd>(set, run.driver.run, {1, 2});
  CHECK(metrics.get_training<Bias>().state == std::vector<double>{1.0, 2.0});
  run.evaluate(set, Phase::eval, {{11}});
  run.driver.set_phase(Phase::train);
  step<TrainStepEnd>(set, run.driver.run, {4});
  set.notify(TrainEpochEnd{{run.driver.run}, 0.0});
  CHECK(run.latest("train_bias_epoch") == Approx(4.0 / 3.0));
  CHECK(run.latest("eval_bias_epoch") == 10.0);
  CHECK(run.driver.run.history().values("train_bias_epoch")[0].phase == Phase::train);
}

TEST_CASE("Metrics discards an unfinished evaluation and records nothing for one without batches") {
  Watching run;
  CallbackSet set{Metrics{Bias{}, Peak{}}};
  run.driver.set_phase(Phase::eval);
  set.notify(EvalEpochStart{{run.driver.run}});
  step<EvalStepEnd>(set, run.driver.run, {9});
  run.evaluate(set, Phase::eval, {});
  CHECK(run.driver.run.history().names().empty());
  run.evaluate(set, Phase::eval, {{2}});
  CHECK(run.latest("eval_bias_epoch") == 1.0);
  CHECK(run.latest("eval_peak_epoch") == 2.0);
}

TEST_CASE("LogMetrics after Metrics prints the metrics of an evaluation") {
  Captured output;
  Watching run;
  CallbackSet set{Metrics{named("offset", Bias{})}, LogMetrics{.output = output.file()}};
  run.evaluate(set, Phase::eval, {{2}});
  CHECK(output.text() == "\neval_offset_epoch: 1\n");
}

TEST_CASE("get and for_each return the metrics after an evaluation") {
  Watching run;
  CallbackSet set{Metrics{Bias{}, Peak{}}};
  run.evaluate(set, Phase::evaluation, {{2, 4}});
  auto& metrics = set.get<Metrics<Bias, Peak>>();
  CHECK(metrics.get<Bias>() == Bias{{4.0, 2.0}});
  CHECK(metrics.get<Peak>() == Peak{4.0});
  std::string names;
  metrics.for_each([&](const auto& metric) { names += metric.name(); });
  CHECK(names == "biaspeak");
}

TEST_CASE("Metrics throws std::invalid_argument for two metrics of the same name") {
  std::string message;
  try {
    Metrics metrics{Accuracy{}, Accuracy{.ignore_index = -1}};
  } catch (const std::invalid_argument& error) {
    message = error.what();
  }
  CHECK(message ==
        "Metrics has two metrics with the name `accuracy`. Rename one of them: hone::named(\"name\", metric).");
}
