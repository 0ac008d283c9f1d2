// SPDX-License-Identifier: Apache-2.0
#include "hone/precision/autocast.hpp"

#include <ATen/autocast_mode.h>
#include <torch/torch.h>

#include <stdexcept>
#include <thread>

#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

namespace autocast = at::autocast;
constexpr auto cpu = c10::kCPU;

struct State {
  bool enabled = autocast::is_autocast_enabled(cpu);
  bool cache = autocast::is_autocast_cache_enabled();
  at::ScalarType dtype = autocast::get_autocast_dtype(cpu);
  int nesting = autocast::increment_nesting() - 1;
  State() { autocast::decrement_nesting(); }
  bool operator==(const State&) const = default;
};

TEST_CASE("Autocast regions may be nested, and each restores the previous state") {
  const State before;
  CHECK(!before.enabled);
  {
    const hone::Autocast outer(cpu, at::kHalf, /*cache=*/false);
    const State in_outer;
    CHECK(in_outer.enabled);
    CHECK(in_outer.dtype == at::kHalf);
    CHECK(!in_outer.cache);
    CHECK(in_outer.nesting == before.nesting + 1);
    {
      const hone::Autocast inner(cpu, at::kBFloat16);
      const State in_inner;
      CHECK(in_inner.dtype == at::kBFloat16);
      CHECK(in_inner.cache);
      CHECK(in_inner.nesting == before.nesting + 2);
    }
    CHECK(State() == in_outer);
  }
  CHECK(State() == before);
}

TEST_CASE("Autocast restores the state after an exception and does not affect other threads") {
  const State before;
  CHECK_THROWS_AS(
      [] {
        const hone::Autocast region(cpu, at::kBFloat16);
        throw std::runtime_error("out");
      }(),
      std::runtime_error);
  CHECK(State() == before);
  const hone::Autocast region(cpu, at::kBFloat16);
  bool elsewhere = true;
  std::thread([&] { elsewhere = autocast::is_autocast_enabled(cpu); }).join();
  CHECK(!elsewhere);
}

TEST_CASE("a weight is cast once in a region and again in the next region") {
  const auto weight = torch::ones({2, 2}, at::TensorOptions().requires_grad(true));
  const auto input = torch::ones({1, 2});
  const auto product = [&] { return torch::mm(input, weight)[0][0].item<double>(); };
  const auto change = [&](double value) {
    const torch::NoGradGuard no_gradients;
    weight.fill_(value);
  };
  {
    const hone::Autocast outer(cpu, at::kBFloat16);
    CHECK(torch::mm(input, weight).scalar_type() == at::kBFloat16);
    change(2.0);
    {
      const hone::Autocast inner(cpu, at::kBFloat16);
      CHECK(product() == 2.0);  // the first cast is cached
    }
    CHECK(product() == 2.0);
  }
  const hone::Autocast next(cpu, at::kBFloat16);
  CHECK(product() == 4.0);
}

TEST_CASE("Autocast throws std::invalid_argument for an unsupported type or device") {
  CHECK(tiny::message_of<std::invalid_argument>([] { const hone::Autocast region(cpu, at::kDouble); }) ==
        "The autocast dtype is Double. Use at::kBFloat16 or at::kHalf.");
  CHECK(tiny::message_of<std::invalid_argument>([] { hone::Autocast::check(c10::kMeta, at::kHalf); }) ==
        "The device 'meta' does not support autocast. Remove Bf16 or Fp16, or use another device.");
  hone::Autocast::check(cpu, at::kHalf);
}

}  // namespace
