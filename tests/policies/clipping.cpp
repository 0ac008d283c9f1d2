// SPDX-License-Identifier: Apache-2.0
#include "hone/policies/clipping.hpp"

#include <torch/torch.h>

#include <limits>

#include "hone/core/format_message.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;

/// Parameters whose gradients are computed by a formula and have a norm above 1.
std::vector<Tensor> parameters(double scale = 1.0) {
  std::vector<Tensor> result;
  for (int k = 1; k <= 3; ++k) {
    auto parameter = torch::zeros({k, 4}, torch::requires_grad());
    parameter.mutable_grad() = (torch::arange(4 * k) * 1.3 + k).sin().mul_(scale).reshape({k, 4});
    result.push_back(parameter);
  }
  return result;
}
std::vector<Tensor> gradients(const std::vector<Tensor>& parameters) {
  std::vector<Tensor> result;
  for (const auto& parameter : parameters) result.push_back(parameter.grad());
  return result;
}

TEST_CASE("ClipNorm matches torch::nn::utils::clip_grad_norm_ and returns the norm before clipping") {
  const double norm_type = GENERATE(1.0, 2.0, 3.0, std::numeric_limits<double>::infinity());
  const double max_norm = GENERATE(0.01, 1.0, 100.0);
  CAPTURE(norm_type, max_norm);
  const auto ours = parameters(), theirs = parameters();
  const auto norm = hone::ClipNorm{.max_norm = max_norm, .norm_type = norm_type}.clip(gradients(ours));
  const double expected = torch::nn::utils::clip_grad_norm_(theirs, max_norm, norm_type);
  CHECK(norm.item<double>() == Approx(expected).epsilon(1e-6));
  CHECK(tiny::distance(gradients(ours), gradients(theirs)) < 1e-6);
  CHECK(norm.dim() == 0);
}

TEST_CASE("ClipNorm of shards, with combined norms, equals ClipNorm of all gradients") {
  const double norm_type = GENERATE(1.0, 2.0, std::numeric_limits<double>::infinity());
  const hone::ClipNorm clipping{.max_norm = 0.5, .norm_type = norm_type};
  const auto whole = parameters(), parts = parameters();
  const auto expected = clipping.clip(gradients(whole));
  const std::vector<std::vector<Tensor>> processes{{parts[0].grad(), parts[2].grad()}, {}, {parts[1].grad()}};
  std::vector<Tensor> norms;  // the norms that the ranks exchange
  for (const auto& part : processes) {
    clipping.clip(part, [&](const Tensor& own) {
      norms.push_back(own.to(at::kDouble));
      return torch::full({1}, 0.0);
    });
  }
  for (const auto& part : processes) {
    const auto norm = clipping.clip(part, [&](const Tensor&) { return torch::stack(norms); });
    CHECK(norm.item<double>() == Approx(expected.item<double>()).epsilon(1e-6));
  }
  CHECK(tiny::distance(gradients(parts), gradients(whole)) < 1e-6);
}

TEST_CASE("ClipNorm leaves small gradients bit-identical") {
  const auto ours = parameters(1e-3), before = parameters(1e-3);
  const auto version = ours[0].grad()._version();
  hone::ClipNorm{.max_norm = 1.0}.clip(gradients(ours));
  CHECK(tiny::equal(gradients(ours), gradients(before)));
  CHECK(ours[0].grad()._version() == version);  // not even written
}

TEST_CASE("ClipNorm makes all gradients NaN if one is NaN, as PyTorch does") {
  const auto ours = parameters();
  ours[1].mutable_grad()[0][0] = std::numeric_limits<double>::quiet_NaN();
  hone::ClipNorm{.max_norm = 1e9}.clip(gradients(ours));
  for (const auto& gradient : gradients(ours)) CHECK(gradient.isnan().all().item<bool>());
}

TEST_CASE("ClipNorm with max_norm infinity returns the norm and changes no gradient, not even an infinite one") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double norm_type : {2.0, infinity}) {
    const hone::ClipNorm unbounded{.max_norm = infinity, .norm_type = norm_type};
    const auto ours = parameters();
    ours[1].mutable_grad()[0][0] = infinity;
    std::vector<Tensor> before;
    for (const auto& gradient : gradients(ours)) before.push_back(gradient.clone());
    CHECK(unbounded.clip(gradients(ours)).item<double>() == infinity);
    CHECK(unbounded.clip_without_sync(gradients(ours)).item<double>() == infinity);
    CHECK(unbounded.clip(gradients(ours), [](const Tensor& own) { return own.reshape({1}); }).item<double>() ==
          infinity);
    CHECK(tiny::equal(gradients(ours), before));
  }
  const auto ours = parameters(), before = parameters();
  hone::ClipNorm{.max_norm = 1e300}.clip(gradients(ours));
  CHECK(tiny::equal(gradients(ours), gradients(before)));
}

TEST_CASE("ClipNorm accepts gradients without elements and an empty list") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double norm_type : {1.0, 2.0, infinity}) {
    const hone::ClipNorm clipping{.max_norm = 0.5, .norm_type = norm_type};
    const auto some = parameters(), all = parameters();
    auto with_empty = gradients(all);
    with_empty.insert(with_empty.begin() + 1, torch::zeros({0, 4}));
    CHECK(torch::equal(clipping.clip(with_empty), clipping.clip(gradients(some))));
    CHECK(tiny::equal(gradients(all), gradients(some)));
    const std::vector<Tensor> empty{torch::zeros({0})};
    CHECK(clipping.clip(empty).item<double>() == 0.0);
    CHECK(clipping.clip(at::TensorList()).item<double>() == 0.0);
    CHECK(clipping.clip_without_sync(at::TensorList()).item<double>() == 0.0);
  }
}

TEST_CASE("ClipNorm of zero gradients returns 0 and produces no NaN") {
  const auto ours = parameters(0.0);
  CHECK(hone::ClipNorm{.max_norm = 1.0}.clip(gradients(ours)).item<double>() == 0.0);
  CHECK(tiny::equal(gradients(ours), gradients(parameters(0.0))));
}

TEST_CASE("ClipValue matches torch::nn::utils::clip_grad_value_") {
  const double limit = GENERATE(0.01, 0.5, 100.0);
  const auto ours = parameters(), theirs = parameters();
  hone::ClipValue{.clip_value = limit}.clip(gradients(ours));
  torch::nn::utils::clip_grad_value_(theirs, limit);
  CHECK(tiny::equal(gradients(ours), gradients(theirs)));
}

static_assert(std::is_aggregate_v<hone::ClipNorm> && std::is_aggregate_v<hone::ClipValue> &&
              !std::is_default_constructible_v<hone::ClipNorm> && sizeof(hone::ClipNorm) == 2 * sizeof(double) &&
              sizeof(hone::ClipValue) == sizeof(double));

TEST_CASE("ClipNorm and ClipValue throw std::invalid_argument for limits out of range") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {0.0, -1.0, nan}) {
    const auto norm =
        tiny::message_of<std::invalid_argument>([&] { static_cast<void>(hone::ClipNorm{.max_norm = bad}); });
    CHECK(norm == hone::format_message("ClipNorm::max_norm is {}. Set it to a number greater than 0.", {bad}));
    CHECK_THROWS_AS((hone::ClipNorm{.max_norm = 1.0, .norm_type = bad}), std::invalid_argument);
    CHECK(tiny::contains(
        tiny::message_of<std::invalid_argument>([&] { static_cast<void>(hone::ClipValue{.clip_value = bad}); }),
        "greater than 0"));
  }
}

/// Each type has one function with a different signature.
struct ClipsList {
  using slot = hone::slots::Clipping;
  void clip(at::TensorList) const {}
};
struct ClipsListForNothing : ClipsList {
  void clip(at::TensorList) const {}
  void clip(at::TensorList, at::Tensor (*)(const at::Tensor&)) const {}  // does not return the norm
  void clip_without_sync() const {}
  static constexpr bool is_elementwise = false;
};
static_assert(hone::ClipPolicy<ClipsListForNothing> && !hone::ClipsShards<ClipsListForNothing>);
static_assert(!hone::ClipsWithoutSync<ClipsListForNothing> && !hone::ClipsElements<ClipsListForNothing>);
static_assert(!hone::ClipsShards<ClipsList> && !hone::ClipsWithoutSync<ClipsList> && !hone::ClipsElements<ClipsList>);

}  // namespace
