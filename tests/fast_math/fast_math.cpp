// SPDX-License-Identifier: Apache-2.0
// Tests of NaN and infinity, compiled with -Ofast.
#include <torch/torch.h>

#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "hone/callbacks/early_stopping.hpp"
#include "hone/callbacks/save_best.hpp"
#include "hone/callbacks/terminate_on_nan.hpp"
#include "hone/history/write_csv.hpp"
#include "hone/history/write_json.hpp"
#include "hone/metrics/accuracy.hpp"
#include "hone/metrics/auroc.hpp"
#include "hone/metrics/confusion_matrix.hpp"
#include "hone/metrics/mean_error.hpp"
#include "hone/metrics/perplexity.hpp"
#include "hone/metrics/precision_recall.hpp"
#include "hone/optim/sgd.hpp"
#include "hone/policies/clipping.hpp"
#include "hone/schedule/reduce_on_plateau.hpp"

namespace {

int failures = 0;

void check(bool is_right, const char* what) {
  if (is_right) return;
  ++failures;
  std::printf("wrong: %s\n", what);
}
#define CHECK(...) check((__VA_ARGS__), #__VA_ARGS__)

/// Returns the number with these bits, which the compiler cannot see.
double number(std::uint64_t bits) {
  volatile std::uint64_t at_run_time = bits;
  const std::uint64_t now = at_run_time;
  double value = 0.0;
  static_assert(sizeof(value) == sizeof(now));
  __builtin_memcpy(&value, &now, sizeof(value));
  return value;
}
const double not_a_number = number(0x7FF8000000000000U), infinity = number(0x7FF0000000000000U);

template <class F>
bool throws(F function) {
  try {
    function();
  } catch (const std::exception&) {
    return true;
  }
  return false;
}

struct Output {
  torch::Tensor loss;
};

bool stops_at(const torch::Tensor& loss) {
  hone::Run run;
  hone::TerminateOnNaN callback;
  const Output output{loss};
  callback.on_train_loss(hone::EventContext<hone::TrainLoss, hone::WithOutput<Output>>{{{run}}, {output}});
  return run.stop_requested();
}

void loss_is_watched() {
  for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16}) {
    CHECK(stops_at(torch::full({}, not_a_number, type)));
    CHECK(stops_at(torch::full({}, infinity, type)));
    CHECK(stops_at(torch::full({}, -infinity, type)));
    CHECK(!stops_at(torch::full({}, 1e30, type)));
  }
}

void metrics_are_watched() {
  hone::EarlyStopping stopping{.patience = 9, .check_finite = true};
  CHECK(stopping.observe(not_a_number).has_value());
  CHECK(stopping.observe(infinity).has_value());
  CHECK(!stopping.state.best || !(*stopping.state.best < 0.0));
  hone::EarlyStopping patient{.patience = 2, .stopping_threshold = 0.5, .divergence_threshold = 9.0};
  CHECK(!patient.observe(1.0) && !patient.observe(not_a_number));
  CHECK(patient.observe(not_a_number).has_value());
  CHECK(patient.state.best == 1.0);

  hone::ReduceOnPlateau plateau{.patience = 1};
  CHECK(!plateau.observe(infinity) && !plateau.state.best);
  CHECK(plateau.observe(not_a_number) && !plateau.state.best);
  CHECK(!plateau.observe(1.0) && !plateau.observe(not_a_number));
  CHECK(plateau.observe(not_a_number));
  CHECK(plateau.state.best == 1.0);

  using hone::detail::is_better;
  CHECK(!is_better(not_a_number, std::nullopt, false) && !is_better(not_a_number, 1.0, true));
  CHECK(!is_better(infinity, std::nullopt, false) && is_better(0.5, 1.0, false));
}

template <class M>
void is_nan_of(M metric, const torch::Tensor& outputs, const torch::Tensor& target) {
  CHECK(hone::detail::is_nan(metric.value()));
  metric.update(outputs, target);
  CHECK(!hone::detail::is_nan(metric.value()));
  metric.update(outputs * not_a_number, target);
  CHECK(hone::detail::is_nan(metric.value()));
}

void metrics_are_nan() {
  const auto scores = torch::tensor({{0.1, 0.9}, {0.8, 0.2}}), one = torch::tensor({0.9, 0.2});
  const auto classes = torch::tensor({1, 0});
  is_nan_of(hone::Accuracy{}, scores, classes);
  is_nan_of(hone::TopKAccuracy{.k = 1}, scores, classes);
  is_nan_of(hone::BinaryAccuracy{}, one, classes);
  is_nan_of(hone::ConfusionMatrix{}, scores, classes);
  is_nan_of(hone::F1{}, scores, classes);
  is_nan_of(hone::Recall{}, one, classes);
  is_nan_of(hone::Auroc{}, one, classes);
  is_nan_of(hone::Perplexity{}, scores, classes);
  is_nan_of(hone::MeanSquaredError{}, one, one);
  hone::BinaryAccuracy plain;
  plain.update(std::vector<double>{not_a_number}, std::vector<std::int64_t>{0});
  CHECK(hone::detail::is_nan(plain.value()));
}

void gradients_are_clipped() {
  const auto clipped = [](const hone::ClipNorm& clipping, double first) {
    std::vector<torch::Tensor> gradients{torch::ones({2}), torch::ones({2})};
    gradients[0][0] = first;
    clipping.clip(gradients);
    return gradients[1].abs().sum().item<double>();
  };
  CHECK(hone::detail::is_nan(clipped(hone::ClipNorm{.max_norm = 1e9}, not_a_number)));
  CHECK(clipped(hone::ClipNorm{.max_norm = infinity}, infinity) == 2.0);
  CHECK(clipped(hone::ClipNorm{.max_norm = 1.0, .norm_type = infinity}, 4.0) < 0.51);
  CHECK(throws([] { hone::ClipNorm{.max_norm = not_a_number}; }) &&
        throws([] { hone::ClipValue{.clip_value = not_a_number}; }));
}

void settings_are_checked() {
  CHECK(throws([] { hone::Sgd{.lr = not_a_number}.check(); }) && throws([] { hone::Sgd{.lr = infinity}.check(); }));
  CHECK(throws([] { hone::ReduceOnPlateau{.factor = not_a_number}.check(); }));
  CHECK(throws([] { hone::ReduceOnPlateau{.min_lr = infinity}.check(); }));
  hone::Run run;
  CHECK(throws([&] { hone::EarlyStopping{.min_delta = not_a_number}.on_training_run_start({{run}}); }));
}

void history_is_written() {
  hone::RunHistory history;
  for (const double value : {not_a_number, infinity, -infinity}) history.record("m", value, hone::Phase::eval);
  std::ostringstream json, csv;
  hone::write_json(json, history);
  hone::write_csv(csv, history);
  for (const auto* const word : {"\"NaN\"", "\"Infinity\"", "\"-Infinity\""}) {
    CHECK(json.str().find(word) != std::string::npos);
  }
  for (const auto* const word : {",nan\n", ",inf\n", ",-inf\n"}) CHECK(csv.str().find(word) != std::string::npos);
}

}  // namespace

int main() {
  loss_is_watched();
  metrics_are_watched();
  metrics_are_nan();
  gradients_are_clipped();
  settings_are_checked();
  history_is_written();
  return failures == 0 ? 0 : 1;
}
