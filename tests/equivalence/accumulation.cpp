// SPDX-License-Identifier: Apache-2.0
/// Compares gradient accumulation with large batches. The order of summation differs, so weights agree up to rounding:
/// 1e-6 for weights of size 1 in float32.
#include <torch/torch.h>

#include <ranges>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

constexpr double tolerance = 1e-6;
constexpr std::int64_t small = 2;

struct Losses {
  std::vector<double>* losses;
  void on_train_loss(const auto& event) { losses->push_back(event.output.loss.template item<double>()); }
};

struct Result {
  std::vector<torch::Tensor> weights;
  hone::RunHistory history;
  std::vector<double> losses;
};

template <class Dataset, class... Settings>
Result trained(Dataset&& dataset, std::int64_t batch_size, Settings... settings) {
  Result result;
  tiny::Net net;
  auto trainer = hone::Trainer{net, torch::nn::CrossEntropyLoss(), hone::Sgd{.lr = 0.1, .momentum = 0.9},
                               Losses{&result.losses}, settings...};
  hone::TrainOptions options{.num_epochs = 3};
  if constexpr (!hone::YieldsBatches<Dataset>) {
    options.per_device_batch_size = batch_size;
    options.shuffle = false;
  }
  result.history = trainer.train(std::forward<Dataset>(dataset), options);
  result.weights = tiny::weights(net);
  return result;
}

TEST_CASE("a window of four batches equals one batch of four times the size") {
  const auto windows = trained(tiny::dataset(24), small, hone::GradAccum<4>{});
  const auto large = trained(tiny::dataset(24), 4 * small);
  CHECK(windows.history.num_updates() == large.history.num_updates());
  CHECK(tiny::distance(windows.weights, large.weights) < tolerance);
  CHECK(windows.history.num_updates() == 9);
}

TEST_CASE("a short window at the end of an epoch equals a smaller batch") {
  const std::int64_t samples = GENERATE(10, 12, 14);  // 1, 2 or 3 batches in the last window
  const auto windows = trained(tiny::dataset(samples), small, hone::GradAccum<4>{});
  const auto large = trained(tiny::dataset(samples), 4 * small);
  CHECK(windows.history.num_updates() == 6);
  CHECK(tiny::distance(windows.weights, large.weights) < tolerance);
}

TEST_CASE("an unsized range with a short last window is bitwise equal to a sized range") {
  auto batches = tiny::batches(7, small);
  auto unsized = batches | std::views::filter([](const auto&) { return true; });
  static_assert(!std::ranges::sized_range<decltype(unsized)>);
  const auto sized = trained(batches, small, hone::GradAccum<4>{}, hone::ClipNorm{.max_norm = 0.1});
  const auto open = trained(unsized, small, hone::GradAccum<4>{}, hone::ClipNorm{.max_norm = 0.1});
  CHECK(tiny::equal(sized.weights, open.weights));
  CHECK(open.history.num_updates() == 6);
  CHECK(open.history.at("train_loss_epoch") == sized.history.at("train_loss_epoch"));
}

TEST_CASE("a window length set at run time is bitwise equal to one set at compile time") {
  const auto fixed = trained(tiny::dataset(14), small, hone::GradAccum<4>{}, hone::ClipNorm{.max_norm = 0.1});
  const auto open = trained(tiny::dataset(14), small, hone::GradAccum{4}, hone::ClipNorm{.max_norm = 0.1});
  CHECK(tiny::equal(fixed.weights, open.weights));
  CHECK(fixed.losses == open.losses);
  const auto one = trained(tiny::dataset(14), small, hone::GradAccum{1});
  CHECK(tiny::equal(one.weights, trained(tiny::dataset(14), small).weights));
}

TEST_CASE("a window longer than the epoch equals one batch of the whole epoch") {
  const auto windows = trained(tiny::dataset(10), small, hone::GradAccum<100>{});
  CHECK(windows.history.num_updates() == 3);
  CHECK(tiny::distance(windows.weights, trained(tiny::dataset(10), 10).weights) < tolerance);
}

TEST_CASE("losses are reported unscaled with accumulation") {
  const auto windows = trained(tiny::dataset(24), small, hone::GradAccum<4>{});
  const auto large = trained(tiny::dataset(24), 4 * small);
  const auto a = windows.history.values("train_loss_epoch"), b = large.history.values("train_loss_epoch");
  REQUIRE(a.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(a[i].value == Approx(b[i].value).epsilon(1e-6));
  const double mean = (windows.losses[0] + windows.losses[1] + windows.losses[2] + windows.losses[3]) / 4;
  CHECK(mean == Approx(large.losses[0]).epsilon(1e-6));
}

TEST_CASE("gradients are clipped once per window, on their mean") {
  const auto windows = trained(tiny::dataset(14), small, hone::GradAccum<4>{}, hone::ClipNorm{.max_norm = 0.05});
  const auto large = trained(tiny::dataset(14), 4 * small, hone::ClipNorm{.max_norm = 0.05});
  CHECK(tiny::distance(windows.weights, large.weights) < tolerance);
  const auto values = trained(tiny::dataset(14), small, hone::GradAccum<4>{}, hone::ClipValue{.clip_value = 0.01});
  CHECK(tiny::distance(values.weights,
                       trained(tiny::dataset(14), 4 * small, hone::ClipValue{.clip_value = 0.01}).weights) < tolerance);
}

/// A loss over tokens. Each sample has one to three tokens.
struct TokenLoss {
  struct Output {
    torch::Tensor loss, outputs;
    std::int64_t batch_size, num_items;
  };
  auto train_batch_loss(auto& trainer, auto& batch) const {
    auto& [inputs, labels] = batch;
    const auto outputs = trainer.model()->forward(inputs);
    const auto tokens = torch::arange(labels.size(0)).add_(inputs.select(1, 0).gt(0).sum()).remainder(3).add_(1);
    const auto losses = torch::nn::functional::cross_entropy(
        outputs, labels, torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
    const auto num_tokens = tokens.sum();
    return Output{(losses * tokens).sum() / num_tokens, outputs, labels.size(0), num_tokens.item().toLong()};
  }
};

TEST_CASE("with num_items, a window is the mean over all of its tokens") {
  const auto batches = tiny::batches(7, 3);
  tiny::Net model;
  hone::Trainer trainer{model, torch::nn::CrossEntropyLoss{}, hone::Sgd{.lr = 0.1}, hone::GradAccum<4>{}, TokenLoss{}};
  const auto history = trainer.train(batches, {.num_epochs = 1});

  tiny::Net by_hand;
  torch::optim::SGD sgd(by_hand->parameters(), 0.1);
  struct ByHand {
    tiny::Net& net;
    tiny::Net& model() { return net; }
  } holder{by_hand};
  double all = 0.0, num_all = 0.0;
  for (std::size_t begin : {std::size_t{0}, std::size_t{4}}) {
    const auto end = std::min(begin + 4, batches.size());
    torch::Tensor sum = torch::zeros({});
    double num_tokens = 0.0;
    for (auto i = begin; i < end; ++i) {
      auto batch = batches[i];
      const auto output = TokenLoss().train_batch_loss(holder, batch);
      sum = sum + output.loss * output.num_items;
      num_tokens += static_cast<double>(output.num_items);
    }
    sgd.zero_grad();
    (sum / num_tokens).backward();
    sgd.step();
    all += sum.item<double>();
    num_all += num_tokens;
  }
  CHECK(tiny::distance(tiny::weights(model), tiny::weights(by_hand)) < tolerance);
  CHECK(history.at("train_loss_epoch") == Approx(all / num_all).epsilon(1e-6));
}

TEST_CASE("a loss with num_items = 0 throws") {
  struct Empty {
    static TokenLoss::Output make(const torch::Tensor& loss) { return {loss, loss, 1, 0}; }
  };
  CHECK_THROWS_WITH(hone::items_in(Empty::make(torch::zeros({}))), Catch::Contains("num_items is 0"));
}

}  // namespace
