// SPDX-License-Identifier: Apache-2.0
#include "hone/data/untouched_rows.hpp"

#include <torch/torch.h>

#include <cmath>

#include "hone/data/tensor_loader.hpp"
#include "support/catch.hpp"

using torch::Tensor;

TEST_CASE("rows that are written to get their values back") {
  auto data = torch::arange(6.);
  hone::detail::UntouchedRows watch;
  SECTION("when the batch is settled") {
    auto rows = data.slice(0, 0, 2);
    watch.watch(rows);
    rows.add_(5);
    watch.end_watch();
    CHECK(watch.were_touched());
  }
  SECTION("when the watch ends, and after a move") {
    watch.watch(data.slice(0, 0, 2));
    data.slice(0, 0, 2).zero_();
    const hone::detail::UntouchedRows moved(std::move(watch));
  }
  SECTION("also in inference mode, where tensors count no versions") {
    const c10::InferenceMode inference;
    auto rows = data.slice(0, 0, 2);
    watch.watch(rows);
    rows.add_(5);
    watch.end_watch();
  }
  CHECK(data.equal(torch::arange(6.)));
}

TEST_CASE("rows that are read, or written with what they hold, count as untouched") {
  auto data = torch::tensor({NAN, 1.f, -INFINITY});
  hone::detail::UntouchedRows watch;
  watch.watch(data);
  data.mul_(1.0);
  watch.end_watch();
  CHECK_FALSE(watch.were_touched());
}

TEST_CASE("writing to batches leaves the dataset as it is, in either order") {
  const bool shuffle = GENERATE(false, true);
  auto x = torch::arange(12.).view({6, 2});
  const auto before = x.clone();
  hone::TensorLoader<Tensor> loader(hone::TensorDataset{x}, {.batch_size = 2, .shuffle = shuffle});
  for (int pass = 0; pass < 2; ++pass) {
    auto sum = torch::zeros({});
    for (auto& batch : loader) {
      sum += batch.sum();
      batch.neg_();
    }
    CHECK(sum.item<float>() == 66.f);
    CHECK(x.equal(before));
  }
  for (auto& batch : loader) {
    batch.neg_();
    break;
  }
  CHECK(x.equal(before));
}

TEST_CASE("an only batch that is written to is restored at the end of the pass") {
  auto x = torch::ones({4});
  {
    hone::TensorLoader<Tensor> loader(hone::TensorDataset{x}, {.batch_size = 4});
    for (auto& batch : loader) {
      batch.neg_();
      break;
    }
  }
  CHECK(x.equal(torch::ones({4})));
}

TEST_CASE("batches that nobody writes to are views of the dataset") {
  auto x = torch::arange(6.);
  hone::TensorLoader<Tensor> loader(hone::TensorDataset{x}, {.batch_size = 2});
  for (int pass = 0; pass < 2; ++pass) {
    for (auto& batch : loader) CHECK(batch.is_alias_of(x));
  }
}

TEST_CASE("batches are without the graph and the gradient of the dataset's tensors, in either order") {
  const bool shuffle = GENERATE(false, true);
  auto leaf = torch::ones({4, 2}).requires_grad_();
  hone::TensorLoader<std::pair<Tensor, Tensor>> loader(hone::TensorDataset(leaf, leaf * 2),
                                                       {.batch_size = 2, .shuffle = shuffle});
  auto weight = torch::ones({2}).requires_grad_();
  for (int pass = 0; pass < 2; ++pass) {
    for (auto& [x, y] : loader) (x * weight - y).square().sum().backward();
  }
  CHECK(!leaf.grad().defined());
  CHECK(weight.grad().defined());
}
