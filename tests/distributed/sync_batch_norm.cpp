// SPDX-License-Identifier: Apache-2.0
/// Compares SyncBatchNorm with `torch::nn::BatchNorm` on the global batch.
#include "hone/distributed/sync_batch_norm.hpp"

#include <torch/torch.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "hone/distributed/ddp.hpp"
#include "hone/distributed/gloo.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace {

using namespace std::chrono_literals;
using torch::Tensor;
using Options = torch::nn::BatchNormOptions;

double distance(const Tensor& a, const Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

/// This rank's shard of a batch: rank 0 has 2 samples, rank r > 0 has r + 1.
struct Share {
  std::int64_t first, size, all;
  explicit Share(const hone::Placement& place)
      : first(start(place.rank)), size(start(place.rank + 1) - first), all(start(place.world_size)) {}
  static std::int64_t start(std::int64_t rank) { return rank == 0 ? 0 : 1 + rank * (rank + 1) / 2; }
  Tensor operator()(const Tensor& whole) const { return whole.narrow(0, first, size); }
};

/// Compares two training steps and an evaluation of `Plain` on the global batch and SyncBatchNorm on the shards.
template <class Plain>
void compare(const hone::ProcessGroup& group, const hone::Placement& place, std::vector<std::int64_t> shape,
             const Options& options, at::ScalarType type, double tolerance) {
  const Share share(place);
  shape[0] = share.all;
  const auto number_type = type == at::kBFloat16 ? at::kFloat : type;
  Plain alone(options);
  hone::SyncBatchNorm together(options);
  alone->to(number_type);
  together->to(number_type);
  together->set_process_group(group.handle());
  torch::manual_seed(5);
  if (options.affine()) {
    const torch::NoGradGuard no_grad;
    alone->weight.copy_(torch::randn_like(alone->weight));
    alone->bias.copy_(torch::randn_like(alone->bias));
    together->weight.copy_(alone->weight);
    together->bias.copy_(alone->bias);
  }
  for (int step = 0; step < 2; ++step) {
    const auto whole = (torch::randn(shape, at::kDouble) * 3 + 50).to(type).requires_grad_();
    const auto part = share(whole).detach().clone().requires_grad_();
    const auto gradient = torch::randn(shape, at::kDouble).to(type);
    const auto expected = alone(whole);
    const auto output = together(part);
    CHECK(output.scalar_type() == type);
    CHECK(distance(output, share(expected)) <= tolerance);
    expected.backward(gradient);
    output.backward(share(gradient).clone());
    CHECK(distance(part.grad(), share(whole.grad())) <= tolerance);
  }
  if (options.affine()) {  // the sum over ranks is the gradient of the global batch
    for (const auto& [mine, theirs] :
         {std::pair(together->weight, alone->weight), std::pair(together->bias, alone->bias)}) {
      const auto sum = mine.grad().clone();
      group.all_reduce(sum);
      CHECK(distance(sum, theirs.grad()) <= 50 * tolerance);
    }
  }
  if (options.track_running_stats()) {
    CHECK(distance(together->running_mean, alone->running_mean) <= 50 * tolerance);
    CHECK(distance(together->running_var, alone->running_var) <= 50 * tolerance);
    CHECK(together->num_batches_tracked.template item<std::int64_t>() == 2);
  }
  alone->eval();
  together->eval();
  const auto input = torch::randn(shape, at::kDouble).to(type);
  if (options.track_running_stats()) {
    CHECK(distance(together(share(input)), share(alone(input))) <= tolerance);
  } else {  // the statistics of this rank's batch
    CHECK(distance(together(share(input)), alone(share(input))) == 0.0);
  }
}

TEST_CASE("statistics and gradients equal torch::nn::BatchNorm on the global batch") {
  for (const int n : {2, 3}) {
    hone::require_ranks(n, 60s, [](const hone::Placement& place) {
      using namespace torch::nn;
      const hone::ProcessGroup group = hone::Gloo{.placement = place, .timeout = 20s};
      compare<BatchNorm2d>(group, place, {0, 5, 4, 3}, Options(5), at::kDouble, 1e-12);
      compare<BatchNorm2d>(group, place, {0, 5, 4, 3}, Options(5).momentum(std::nullopt), at::kDouble, 1e-12);
      compare<BatchNorm2d>(group, place, {0, 5, 4, 3}, Options(5).affine(false).eps(0.1), at::kDouble, 1e-12);
      compare<BatchNorm2d>(group, place, {0, 5, 4, 3}, Options(5).track_running_stats(false), at::kDouble, 1e-12);
      compare<BatchNorm1d>(group, place, {0, 7}, Options(7).momentum(0.3), at::kDouble, 1e-12);
      compare<BatchNorm3d>(group, place, {0, 2, 3, 2, 4}, Options(2), at::kDouble, 1e-12);
      compare<BatchNorm2d>(group, place, {0, 5, 4, 3}, Options(5), at::kFloat, 1e-5);
      compare<BatchNorm2d>(group, place, {0, 5, 4, 3}, Options(5), at::kBFloat16, 0.02);
    });
  }
}

TEST_CASE("the variance is accurate if the mean is much larger") {
  hone::require_ranks(2, 60s, [](const hone::Placement& place) {
    const hone::ProcessGroup group = hone::Gloo{.placement = place, .timeout = 20s};
    hone::SyncBatchNorm norm(Options(1).affine(false));
    norm->set_process_group(group.handle());
    // In float32, E[x^2] - E[x]^2 cannot represent a variance of 1.25 near 1e8.
    const auto values = torch::tensor({1e4f, 1e4f + 1, 1e4f + 2, 1e4f + 3}).view({4, 1});
    const auto output = norm(values.narrow(0, 2 * place.rank, 2));
    const auto expected = (values.narrow(0, 2 * place.rank, 2).to(at::kDouble) - 10001.5) / std::sqrt(1.25 + 1e-5);
    CHECK(distance(output, expected) < 1e-3);
    CHECK(std::abs(norm->running_var.item<double>() - (0.9 + 0.1 * 5.0 / 3.0)) < 1e-6);
  });
}

TEST_CASE("a rank with an empty batch participates") {
  hone::require_ranks(2, 60s, [](const hone::Placement& place) {
    const hone::ProcessGroup group = hone::Gloo{.placement = place, .timeout = 20s};
    hone::SyncBatchNorm norm(Options(3));
    norm->set_process_group(group.handle());
    const auto values = torch::arange(12, at::kFloat).view({4, 3});
    const auto input = values.narrow(0, 0, place.rank == 0 ? 4 : 0).clone().requires_grad_();
    const auto output = norm(input);
    output.backward(torch::ones_like(output));
    CHECK(distance(norm->running_mean, values.mean(0) * 0.1) < 1e-6);
    CHECK(norm->weight.grad().isfinite().all().item<bool>());
  });
}

TEST_CASE("on one rank, SyncBatchNorm equals torch::nn::BatchNorm") {
  hone::require_ranks(1, 60s, [](const hone::Placement& place) {
    compare<torch::nn::BatchNorm2d>(hone::Gloo{.placement = place}, place, {0, 5, 4, 3}, Options(5), at::kFloat, 0.0);
    compare<torch::nn::BatchNorm2d>(hone::Gloo{.placement = place}, place, {0, 5, 4, 3},
                                    Options(5).momentum(std::nullopt), at::kFloat, 0.0);
    const auto printed = [](const auto& module) {
      std::ostringstream text;
      text << module;
      return text.str().substr(text.str().find('('));
    };
    const auto options = Options(5).momentum(0.25).eps(0.5).affine(false);
    CHECK(printed(hone::SyncBatchNorm(options)) == printed(torch::nn::BatchNorm2d(options)));
  });
}

TEST_CASE("Ddp sets the process group of the model's SyncBatchNorm modules") {
  hone::require_ranks(2, 60s, [](const hone::Placement& place) {
    torch::nn::Sequential model(torch::nn::Linear(3, 3), hone::SyncBatchNorm(3));
    model->to(at::kDouble);
    hone::Ddp processes{hone::Gloo{.placement = place, .timeout = 20s}};
    processes.start(*model);
    const auto output = model->forward(torch::ones({2, 3}, at::kDouble) * place.rank);
    CHECK(std::abs(output.sum().item<double>()) > 0.1);  // zero with the statistics of this rank only
    processes.all_reduce_sum(output.detach());
    CHECK(output.sum(0).abs().max().item<double>() < 1e-10);
  });
}

TEST_CASE("SyncBatchNorm throws DistributedError if another rank has failed") {
  hone::require_ranks(2, 60s, [](const hone::Placement& place) {
    const hone::ProcessGroup group = hone::Gloo{.placement = place, .timeout = 5s};
    if (place.rank == 1) return group.fail("no more data");
    hone::SyncBatchNorm norm(Options(3));
    norm->set_process_group(group.handle());
    CHECK_THROWS_AS(norm(torch::zeros({2, 3})), hone::DistributedError);
  });
  hone::require_ranks(2, 60s, [](const hone::Placement& place) {
    torch::nn::Sequential model(hone::SyncBatchNorm(3));
    hone::Ddp processes{hone::Gloo{.placement = place, .timeout = 5s}};
    processes.start(*model);
    if (place.rank == 1) return processes.fail("no more data");
    CHECK_THROWS_WITH(model->forward(torch::zeros({2, 3})),
                      "Rank 0 of 2 aborted the statistics of SyncBatchNorm: Rank 1 failed: no more data");
  });
}

TEST_CASE("a difference of collective calls names SyncBatchNorm") {
  hone::require_ranks(2, 60s, [](const hone::Placement& place) {
    torch::nn::Sequential model(hone::SyncBatchNorm(3));
    hone::Ddp processes{hone::Gloo{.placement = place, .timeout = 20s}};
    processes.start(*model);
    std::string text;
    try {
      place.rank == 0 ? static_cast<void>(model->forward(torch::zeros({2, 3}))) : processes.group().barrier();
    } catch (const hone::DistributedError& error) {
      text = error.what();
    }
    CHECK_THAT(text, Catch::Matchers::Contains("make different collective calls") &&
                         Catch::Matchers::Contains("the statistics of SyncBatchNorm (all-gather of"));
  });
}

TEST_CASE("a wrong shape, one value for each feature, and second derivatives throw an error") {
  hone::require_ranks(2, 60s, [](const hone::Placement& place) {
    const hone::ProcessGroup group = hone::Gloo{.placement = place, .timeout = 20s};
    hone::SyncBatchNorm norm(Options(3));
    norm->set_process_group(group.handle());
    CHECK_THROWS_WITH(norm(torch::zeros({2, 4})),
                      "SyncBatchNorm expects an input of shape [batch, 3, ...], but got [2, 4].");
    CHECK_THROWS_WITH(norm(torch::zeros({3})), "SyncBatchNorm expects an input of shape [batch, 3, ...], but got [3].");
    CHECK_THROWS_WITH(norm(torch::zeros({1 - place.rank, 3})),
                      Catch::Matchers::Contains("all ranks together have only one value for each feature"));
    const auto input = torch::randn({2, 3}).requires_grad_();
    const auto output = norm(input).square().sum();
    CHECK_THROWS_WITH(torch::autograd::grad({output}, {input}, {}, true, /*create_graph=*/true),
                      Catch::Matchers::Contains("SyncBatchNorm does not support double backward."));
  });
}

}  // namespace
