// SPDX-License-Identifier: Apache-2.0
// Compares metrics of tensors with metrics of plain numbers, which other tests compare with scikit-learn and
// torchmetrics, and tests metrics in a trainer.
#include <torch/torch.h>

#include <boost/hana.hpp>

#include "hone/hone.hpp"
#include "metrics/parts.hpp"
#include "metrics/samples.hpp"
#include "support/catch.hpp"

using namespace hone;

namespace {

torch::Tensor doubles(const std::vector<double>& values) { return torch::tensor(values, torch::kDouble); }
torch::Tensor longs(const std::vector<std::int64_t>& values) { return torch::tensor(values, torch::kLong); }

torch::Tensor scores() { return doubles(samples::scores).view({samples::num_samples, samples::num_classes}); }
torch::Tensor target() { return longs(samples::target); }

template <class M>
M seen(M metric, const torch::Tensor& outputs, const torch::Tensor& labels) {
  metric.update(outputs, labels);
  return metric;
}
template <class M>
M seen_plain(M metric, const auto& outputs, const auto& labels) {
  metric.update(outputs, labels);
  return metric;
}

void check_class_metrics(auto metric) {
  const auto plain = seen_plain(metric, samples::predicted, samples::target);
  CHECK(seen(metric, scores(), target()) == plain);
  CHECK(seen(metric, scores().to(torch::kFloat), target().to(torch::kInt)) == plain);
  // the 24 samples as 4 samples of 6 positions
  const auto deep = scores().view({4, 6, samples::num_classes}).permute({0, 2, 1});
  CHECK(seen(metric, deep, target().view({4, 6})) == plain);
  metric.ignore_index = -100;
  CHECK(seen(metric, scores(), longs(samples::target_with_ignored)) ==
        seen_plain(metric, samples::predicted, samples::target_with_ignored));
}

void check_binary_metrics(auto metric) {
  const auto& numbers = samples::binary_scores;
  const auto labels = longs(samples::binary_target);
  auto plain = metric;
  if constexpr (requires { plain.update(numbers, samples::binary_target); }) {
    plain.update(numbers, samples::binary_target);
  } else {
    plain.update(samples::binary_predicted, samples::binary_target);
  }
  CHECK(seen(metric, doubles(numbers), labels) == plain);
  CHECK(seen(metric, doubles(numbers).unsqueeze(1), labels.to(torch::kFloat)) == plain);
}

template <class F>
std::string data_error_of(F function) {
  try {
    function();
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

struct Batch {
  torch::Tensor x, y;
};

}  // namespace

BOOST_HANA_ADAPT_STRUCT(Batch, x, y);

TEST_CASE("class metrics of score tensors use the column with the largest score") {
  check_class_metrics(Accuracy{});
  check_class_metrics(ConfusionMatrix{});
  check_class_metrics(Precision{.average = Average::macro});
  check_class_metrics(Recall{.average = Average::weighted});
  check_class_metrics(F1{.average = Average::micro});
  CHECK(seen(F1{.average = Average::macro}, scores(), target()).value() == Approx(samples::f1_macro).epsilon(1e-14));
}

TEST_CASE("binary metrics of score tensors use the threshold") {
  check_binary_metrics(BinaryAccuracy{});
  check_binary_metrics(Precision{});
  check_binary_metrics(Recall{});
  check_binary_metrics(F1{});
  check_binary_metrics(Auroc{});
  const auto logits = torch::stack({torch::zeros(samples::num_samples), doubles(samples::binary_scores) - 0.5}, 1);
  CHECK(seen(Recall{}, logits, longs(samples::binary_target)).value() == Approx(samples::recall_binary));
  CHECK(seen(Auroc{}, logits, longs(samples::binary_target)).value() == Approx(samples::auroc));
}

TEST_CASE("TopKAccuracy of a tensor equals scikit-learn's") {
  const double expected[] = {samples::top1, samples::top2, samples::top3};
  for (std::int64_t k = 1; k <= 3; ++k) {
    CHECK(seen(TopKAccuracy{.k = k}, scores(), target()).value() == Approx(expected[k - 1]));
    const auto deep = scores().view({4, 6, samples::num_classes}).permute({0, 2, 1});
    CHECK(seen(TopKAccuracy{.k = k}, deep, target().view({4, 6})).value() == Approx(expected[k - 1]));
  }
  CHECK_THROWS_AS(seen(TopKAccuracy{.k = 6}, scores(), target()), std::invalid_argument);
}

TEST_CASE("errors of tensors are summed in double precision") {
  const auto values = doubles(samples::values), truths = doubles(samples::truths);
  CHECK(seen(MeanAbsoluteError{}, values, truths).value() == Approx(samples::mean_absolute_error).epsilon(1e-14));
  CHECK(seen(RootMeanSquaredError{}, values.unsqueeze(1), truths).value() ==
        Approx(samples::root_mean_squared_error).epsilon(1e-14));
  CHECK(seen(MeanSquaredError{}, values.to(torch::kFloat), truths.to(torch::kFloat)).value() ==
        Approx(samples::mean_squared_error).epsilon(1e-6));
  const auto many = torch::full({1 << 20}, 0.1, torch::kFloat);  // a sum in float would be off by 1e-4
  CHECK(seen(MeanAbsoluteError{}, many, torch::zeros_like(many)).value() == Approx(double(0.1F)).epsilon(1e-12));
}

TEST_CASE("metrics compare and sum in double precision for all dtypes of outputs and targets") {
  const auto bfloat16 = [](const std::vector<double>& values) { return doubles(values).to(torch::kBFloat16); };
  const std::vector<std::vector<double>> far{{-1.0, 256.0}, {0.0, 256.0}};
  for (const auto type : {torch::kBFloat16, torch::kHalf, torch::kFloat, torch::kDouble}) {
    const auto columns = torch::stack({doubles(far[0]), doubles(far[1])}).to(type);
    CHECK(seen(Auroc{}, columns, longs({1, 0})).value() == 1.0);
  }
  CHECK(seen(Auroc{}, torch::tensor({{-1.0F, 33554432.0F}, {0.0F, 33554432.0F}}), longs({1, 0})).value() == 1.0);
  CHECK(seen(Auroc{}, at::_neg_view(doubles({0.9, 0.1})), longs({1, 0})).value() == 0.0);

  // 0.90234375 and 0.8984375 are neighbors in bfloat16, and the threshold is between them.
  const auto near = bfloat16({0.90234375, 0.8984375});
  CHECK(seen(BinaryAccuracy{.threshold = 0.901}, near, longs({1, 0})).value() == 1.0);
  CHECK(seen(BinaryAccuracy{.threshold = 0.902}, near, longs({1, 0})).value() == 1.0);
  CHECK(seen(Recall{.threshold = 0.902}, near, longs({1, 0})).value() == 1.0);
  CHECK(seen(Precision{.threshold = 0.902}, near, longs({1, 1})).value() == 1.0);
  CHECK(seen(BinaryAccuracy{}, longs({0, 1}), longs({0, 1})).value() == 1.0);
  const auto whole = longs({16777217, 16777216});  // equal in float32
  CHECK(seen(BinaryAccuracy{.threshold = 16777216.0}, whole, longs({1, 0})).value() == 1.0);

  // Class 257 is 256 in bfloat16, and -100 is 156 in uint8.
  auto classes = torch::zeros({2, 300});
  classes[0][257] = 1.0;
  classes[1][156] = 1.0;
  CHECK(seen(Accuracy{}, classes, bfloat16({256.0, 156.0})).value() == 0.5);
  CHECK(seen(TopKAccuracy{.k = 1}, classes, bfloat16({256.0, 156.0})).value() == 0.5);
  CHECK(seen(Accuracy{.ignore_index = -100}, classes, longs({0, 156}).to(torch::kByte)).value() == 0.5);
  CHECK(seen(BinaryAccuracy{.ignore_index = -255}, doubles({0.9, 0.9}), longs({1, 0}).to(torch::kByte)).value() == 0.5);

  const auto bytes = torch::full({300}, 200, torch::kByte);
  CHECK(seen(MeanSquaredError{}, bytes, torch::zeros({300}, torch::kByte)).value() == 40000.0);
  CHECK(seen(MeanAbsoluteError{}, torch::zeros({300}, torch::kByte), bytes).value() == 200.0);
  const auto large = torch::full({4}, 2000000000, torch::kInt);
  CHECK(seen(MeanAbsoluteError{}, large, -large).value() == 4e9);
  CHECK(seen(MeanSquaredError{}, torch::full({64}, 256.0, torch::kHalf), torch::zeros({64}, torch::kHalf)).value() ==
        65536.0);
  const auto plane = torch::complex(doubles({3.0, 0.0}), doubles({4.0, 1.0}));
  CHECK(seen(MeanAbsoluteError{}, plane, torch::zeros_like(plane)).value() == 3.0);
  CHECK(seen(MeanSquaredError{}, plane, doubles({0.0, 0.0})).value() == 13.0);
  CHECK(seen(Perplexity{}, torch::zeros({4, 8}, torch::kHalf), longs({0, 1, 2, 3})).value() == Approx(8.0));
  CHECK(seen(Perplexity{}, torch::zeros({4, 8}, torch::kLong), longs({0, 1, 2, 3})).value() == Approx(8.0));
}

template <class M>
void check_nan(const M& fresh, const torch::Tensor& outputs, const torch::Tensor& labels) {
  INFO(fresh.name());
  for (const auto type : {torch::kDouble, torch::kFloat, torch::kBFloat16}) {
    M fine = seen(fresh, outputs.to(type), labels);
    CHECK_FALSE(std::isnan(fine.value()));
    auto spoiled = outputs.to(type).clone();
    spoiled.select(0, 1).fill_(NAN);
    const M nan = seen(fresh, spoiled, labels);
    CHECK(std::isnan(nan.value()));
    fine.merge(nan);
    CHECK(std::isnan(fine.value()));
    if constexpr (requires { nan.sums(); }) {
      M summed = fresh;
      summed.add(nan.sums());
      CHECK(std::isnan(summed.value()));
    }
    fine.reset();
    CHECK(fine == fresh);
    if constexpr (requires { fresh.ignore_index; }) {
      M ignoring = fresh;
      ignoring.ignore_index = 7;
      auto without = labels.clone();
      without[1] = 7;
      CHECK_FALSE(std::isnan(seen(ignoring, spoiled, without).value()));
    }
  }
}

TEST_CASE("a NaN output makes every metric NaN, unless its target is ignored") {
  check_nan(Accuracy{}, scores(), target());
  check_nan(TopKAccuracy{.k = 2}, scores(), target());
  check_nan(ConfusionMatrix{}, scores(), target());
  check_nan(Perplexity{}, scores(), target());
  check_nan(Precision{.average = Average::macro}, scores(), target());
  check_nan(Recall{.average = Average::micro}, scores(), target());
  check_nan(F1{.average = Average::weighted}, scores(), target());
  const auto one = doubles(samples::binary_scores);
  const auto labels = longs(samples::binary_target);
  check_nan(BinaryAccuracy{}, one, labels);
  check_nan(Precision{}, one, labels);
  check_nan(Recall{}, one, labels);
  check_nan(F1{}, one, labels);
  check_nan(Auroc{}, one, labels);
  check_nan(Auroc{}, torch::stack({-one, one}, 1), labels);
  check_nan(MeanAbsoluteError{}, one, doubles(samples::truths));
  check_nan(MeanSquaredError{}, one, doubles(samples::truths));
  check_nan(RootMeanSquaredError{}, one, doubles(samples::truths));

  auto infinite = scores();
  infinite.select(1, 0).fill_(-INFINITY);
  infinite.select(1, 1).fill_(INFINITY);
  CHECK(seen(Accuracy{}, infinite, torch::ones_like(target())).value() == 1.0);
  CHECK(seen(Accuracy{}, torch::tensor({{0.0F, NAN}}), longs({1})).state == Share{0, 1, 1});
}

TEST_CASE("the perplexity of logits equals torchmetrics'") {
  CHECK(seen(Perplexity{}, scores(), target()).value() == Approx(samples::perplexity).epsilon(1e-12));
  CHECK(seen(Perplexity{}, scores(), longs(samples::target_with_ignored)).value() ==
        Approx(samples::perplexity_without_ignored).epsilon(1e-12));
  CHECK(seen(Perplexity{}, scores().to(torch::kFloat), target()).value() == Approx(samples::perplexity).epsilon(1e-6));
  const auto deep = scores().view({4, 6, samples::num_classes}).permute({0, 2, 1});
  CHECK(seen(Perplexity{}, deep, target().view({4, 6})).value() == Approx(samples::perplexity).epsilon(1e-12));
  auto impossible = scores();
  impossible.select(0, 5).fill_(-INFINITY);  // the row of an ignored target
  CHECK(seen(Perplexity{}, impossible, longs(samples::target_with_ignored)).value() ==
        Approx(samples::perplexity_without_ignored).epsilon(1e-12));
}

TEST_CASE("labels that are not classes throw DataError with their number") {
  const auto outputs = torch::rand({4, 3});
  const auto labels = longs({0, -1, 3, 2});
  CHECK(data_error_of([&] { seen(ConfusionMatrix{}, outputs, labels); }) ==
        "`confusion_matrix` got 2 targets that are not class indices from 0 to 2. Pass class indices, or set "
        "`ignore_index` to the index to ignore.");
  CHECK_THROWS_AS(seen(F1{.average = Average::macro}, outputs, labels), DataError);
  CHECK_THROWS_AS(seen(Perplexity{}, outputs, labels), DataError);
  CHECK_THROWS_AS(seen(Recall{}, torch::rand({2}), doubles({0.0, 0.5})), DataError);
  CHECK_THROWS_AS(seen(Auroc{}, torch::rand({2}), doubles({0.0, 0.5})), DataError);
}

TEST_CASE("targets of another shape throw instead of being broadcast") {
  const auto outputs = torch::rand({3, 2});
  CHECK_THROWS_AS(seen(Accuracy{}, outputs, torch::zeros({3, 1}, torch::kLong)), DataError);
  CHECK_THROWS_AS(seen(Accuracy{}, torch::rand({3, 1}), torch::zeros({3}, torch::kLong)), DataError);
  CHECK_THROWS_AS(seen(MeanSquaredError{}, outputs, torch::rand({3})), DataError);
  CHECK_THROWS_AS(seen(MeanSquaredError{}, torch::rand({3, 1}), torch::rand({1, 3})), DataError);
  CHECK_THROWS_AS(seen(Auroc{}, torch::rand({3, 3}), torch::zeros({3})), DataError);
  CHECK_THROWS_AS(seen(F1{}, torch::rand({3, 3}), torch::zeros({3}, torch::kLong)), std::invalid_argument);
}

TEST_CASE("a metric of outputs that require a gradient does not keep the autograd graph") {
  const auto outputs = scores().requires_grad_();
  CHECK_FALSE(MeanSquaredError{}.add_up(outputs, torch::zeros_like(outputs)).requires_grad());
  CHECK_FALSE(Perplexity{}.add_up(outputs, target()).requires_grad());
  CHECK_FALSE(Accuracy{}.add_up(outputs, target()).requires_grad());
  CHECK_FALSE(TopKAccuracy{.k = 2}.add_up(outputs, target()).requires_grad());
  CHECK_FALSE(F1{.average = Average::macro}.add_up(outputs, target()).requires_grad());
  CHECK_NOTHROW(seen(Auroc{}, outputs.select(1, 0), target().clamp_max(1)));
}

TEST_CASE("a trainer records metrics in evaluation and in training") {
  auto model = torch::nn::Linear(torch::nn::LinearOptions(samples::num_classes, samples::num_classes).bias(false));
  {
    const torch::NoGradGuard no_gradients;
    model->weight.copy_(torch::eye(samples::num_classes));
  }
  const auto x = scores().to(torch::kFloat);
  std::vector<Batch> batches;
  for (int at = 0; at < samples::num_samples; at += 10) {
    const auto end = std::min<std::int64_t>(at + 10, samples::num_samples);
    batches.push_back({x.slice(0, at, end), target().slice(0, at, end)});
  }
  auto trainer = Trainer{model, torch::nn::CrossEntropyLoss{}, Sgd{.lr = 0.0},
                         Metrics{Accuracy{}, TopKAccuracy{.k = 3}, F1{.average = Average::macro},
                                 named("matrix", ConfusionMatrix{}), Perplexity{}}
                             .in_training()};
  const auto history = trainer.train(batches, batches, TrainOptions{.num_epochs = 2});
  for (const std::string phase : {"train", "eval"}) {
    CHECK(history.at(phase + "_accuracy_epoch") == Approx(samples::accuracy));
    CHECK(history.at(phase + "_top3_accuracy_epoch") == Approx(samples::top3));
    CHECK(history.at(phase + "_f1_epoch") == Approx(samples::f1_macro));
    CHECK(history.at(phase + "_matrix_epoch") == Approx(samples::accuracy));
    CHECK(history.at(phase + "_perplexity_epoch") == Approx(samples::perplexity).epsilon(1e-6));
    CHECK(history.values(phase + "_perplexity_epoch").size() == 2);
  }
  CHECK(trainer.evaluate(batches).at("evaluation_f1") == Approx(samples::f1_macro));
}
