// SPDX-License-Identifier: Apache-2.0
#include "hone/precision/master_weights.hpp"

#include <torch/torch.h>

#include <stdexcept>
#include <vector>

#include "hone/core/error.hpp"
#include "hone/optim/adam.hpp"
#include "hone/optim/optimizer.hpp"
#include "hone/optim/sgd.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

using torch::Tensor;
using Masters = hone::MasterWeights<hone::Sgd>;
static_assert(hone::Optimizer<Masters>);

Tensor weight(double value, std::int64_t size = 2) {
  return torch::full({size}, value, at::TensorOptions().requires_grad(true));
}
Masters masters_of(hone::NamedParameters weights, const hone::Sgd& rule) {
  return Masters(hone::FusedOptimizer<hone::Sgd>(std::move(weights), rule), at::kBFloat16);
}
void give_gradient(const Tensor& to, double value) { (to * torch::full_like(to.detach(), value)).sum().backward(); }

TEST_CASE("changes that are too small for bfloat16 accumulate in the master weights") {
  const auto w = weight(1.0);
  auto optimizer = masters_of({{"w", w}}, {.lr = 1.0 / 1024});
  CHECK(w.scalar_type() == at::kBFloat16);
  for (int i = 0; i < 8; ++i) {
    give_gradient(w, -1.0);
    optimizer.step();
    optimizer.zero_grad();
  }
  CHECK(optimizer.master_weights()[0][0].item<double>() == 1.0 + 8.0 / 1024);
  CHECK(w[0].item<double>() ==
        1.0 + 8.0 / 1024);  // each change alone would be rounded away: the next bfloat16 is 1 + 8/1024
  CHECK(optimizer.num_updates() == 8);
}

TEST_CASE("MasterWeights takes over float32 values, settings, names and state of the optimizer") {
  const auto a = weight(0.1), b = weight(0.2);
  hone::FusedOptimizer<hone::Sgd> whole({{"a", a}}, {.lr = 0.5, .momentum = 0.9});
  whole.add_group({{"b", b}}, {.lr = 0.25});
  give_gradient(a, 1.0);
  give_gradient(b, 1.0);
  whole.step();
  whole.zero_grad();
  whole.set_lr(0, 0.125);
  const auto before = a.detach().clone();
  const auto momentum = whole.state()[0].fields.at(0).second.clone();
  Masters optimizer(std::move(whole), at::kBFloat16);
  CHECK(torch::equal(optimizer.master_weights()[0], before));
  CHECK(torch::equal(a, before.to(at::kBFloat16)));
  CHECK(optimizer.parameters()[0].is_same(a));
  CHECK(optimizer.num_groups() == 2);
  CHECK(optimizer.lr(0) == 0.125);
  CHECK(optimizer.base_lr(0) == 0.5);
  optimizer.set_base_lr(0, 0.75);
  CHECK(optimizer.base_lr(0) == 0.75);
  CHECK(optimizer.lr(0) == 0.125);
  CHECK(optimizer.names()[1] == "b");
  CHECK(optimizer.num_updates() == 1);
  CHECK(torch::equal(optimizer.state()[0].fields.at(0).second, momentum));
}

TEST_CASE("collect_gradients converts each gradient once and accumulates later gradients") {
  const auto w = weight(1.0), unused = weight(1.0);
  auto optimizer = masters_of({{"w", w}, {"unused", unused}}, {.lr = 1.0});
  give_gradient(w, 2.0);
  REQUIRE(optimizer.collect_gradients().size() == 1);
  CHECK(!w.grad().defined());
  optimizer.gradients()[0].mul_(0.5);  // as clipping does, in place
  CHECK(optimizer.collect_gradients()[0][0].item<double>() == 1.0);
  CHECK(optimizer.collect_gradients()[0].scalar_type() == at::kFloat);
  give_gradient(w, 0.25);
  CHECK(optimizer.collect_gradients()[0][0].item<double>() == 1.25);
  optimizer.step();
  CHECK(w[0].item<double>() == -0.25);
  CHECK(unused[0].item<double>() == 1.0);
  give_gradient(w, 5.0);
  optimizer.zero_grad();
  CHECK(!w.grad().defined());
  CHECK(optimizer.collect_gradients().empty());
}

TEST_CASE("MasterWeights supports add_group and read_weights") {
  const auto a = weight(1.0), b = weight(0.1);
  auto optimizer = masters_of({{"a", a}}, {.lr = 1.0});
  CHECK_THROWS_AS(optimizer.add_group({{"again", a}}, {}), std::invalid_argument);
  CHECK_THROWS_AS(optimizer.add_group({{"b", b}}, {.lr = -1.0}), std::invalid_argument);
  CHECK(b.scalar_type() == at::kFloat);
  optimizer.add_group({{"b", b}}, {.lr = 2.0});
  CHECK(b.scalar_type() == at::kBFloat16);
  CHECK(optimizer.lr(1) == 2.0);
  {
    const torch::NoGradGuard no_gradients;
    a.fill_(3.0);
  }
  optimizer.read_weights();
  give_gradient(a, 1.0);
  optimizer.step();
  CHECK(a[0].item<double>() == 2.0);
}

TEST_CASE("a write to a weight reaches its master weight and keeps the precision of the other elements") {
  const auto w = weight(1.0, 3);
  auto optimizer = masters_of({{"w", w}}, {.lr = 1.0 / 1024});
  const auto step = [&] {
    give_gradient(w, -1.0);
    optimizer.step();
    optimizer.zero_grad();
  };
  const auto master = [&](int i) { return optimizer.master_weights()[0][i].item<double>(); };
  step();
  {
    const torch::NoGradGuard no_gradients;
    w[0] = 3.0;
  }
  step();
  CHECK(master(0) == 3.0 + 1.0 / 1024);
  CHECK(master(1) == 1.0 + 2.0 / 1024);  // both steps, each too small for bfloat16

  const auto before = optimizer.master_weights()[0].clone(), own = w.detach().clone();
  {
    const torch::NoGradGuard no_gradients;  // as an evaluation with averaged weights does
    w.fill_(7.0);
    w.copy_(own);
  }
  optimizer.set_lr(0.0);
  step();
  CHECK(torch::equal(optimizer.master_weights()[0], before));
  w.set_data(torch::full_like(own, 5.0));
  step();
  CHECK(master(2) == 5.0);
  CHECK(w[2].item<double>() == 5.0);
  w.data().fill_(2.0);  // does not change the version counter
  optimizer.read_weights();
  step();
  CHECK(master(0) == 2.0);
}

TEST_CASE("a write to a weight between replayed steps reaches its master weight") {
  const auto w = weight(1.0);
  auto optimizer =
      hone::MasterWeights<hone::AdamW>(hone::FusedOptimizer<hone::AdamW>({{"w", w}}, {.lr = 0.1}), at::kBFloat16);
  optimizer.write_lr();
  optimizer.count_replayed_step();
  {
    const torch::NoGradGuard no_gradients;
    w.fill_(3.0);
  }
  optimizer.write_lr();
  CHECK(optimizer.master_weights()[0][0].item<double>() == 3.0);
}

TEST_CASE("MasterWeights resolves a lazily negated gradient") {
  const auto w = weight(0.0);
  auto optimizer = masters_of({{"w", w}}, {.lr = 1.0});
  w.mutable_grad() = at::_neg_view(torch::full({2}, -2.0).to(at::kBFloat16));
  optimizer.step();
  CHECK(w[0].item<double>() == -2.0);
}

TEST_CASE("MasterWeights accepts gradients with other strides and throws DataError for a sparse gradient") {
  Tensor w = torch::zeros({2, 3}, at::TensorOptions().requires_grad(true));
  auto optimizer = masters_of({{"w", w}}, {.lr = 1.0});
  const auto gradient = torch::arange(6).reshape({3, 2}).to(at::kBFloat16).t();
  w.mutable_grad() = gradient;
  optimizer.step();
  CHECK(torch::equal(w.detach(), -gradient));
  optimizer.zero_grad();
  w.mutable_grad() = gradient.to_sparse();
  CHECK(tiny::contains(tiny::message_of<hone::DataError>([&] { optimizer.collect_gradients(); }), "'w' is sparse"));
}

}  // namespace
