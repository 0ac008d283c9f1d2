// SPDX-License-Identifier: Apache-2.0
#include "hone/data/in_place_write_check.hpp"

#include <torch/torch.h>

#include <cmath>

#include "hone/data/tensor_loader.hpp"
#include "support/catch.hpp"

using torch::Tensor;

TEST_CASE("InPlaceWriteCheck restores rows that were written") {
  auto data = torch::arange(6.);
  hone::detail::InPlaceWriteCheck watch;
  SECTION("when end_watch is called") {
    auto rows = data.slice(0, 0, 2);
    watch.watch(rows);
    rows.add_(5);
    watch.end_watch();
    CHECK(watch.were_modified());
  }
  SECTION("when the watch is destroyed, also after a move") {
    watch.watch(data.slice(0, 0, 2));
    data.slice(0, 0, 2).zero_();
    const hone::detail::InPlaceWriteCheck moved(std::move(watch));
  }
  SECTION("in inference mode, where tensors have no version counter") {
    const c10::InferenceMode inference;
    auto rows = data.slice(0, 0, 2);
    watch.watch(rows);
    rows.add_(5);
    watch.end_watch();
  }
  CHECK(data.equal(torch::arange(6.)));
}

TEST_CASE("rows that were overwritten with equal values are untouched") {
  auto data = torch::tensor({NAN, 1.f, -INFINITY});
  hone::detail::InPlaceWriteCheck watch;
  watch.watch(data);
  data.mul_(1.0);
  watch.end_watch();
  CHECK_FALSE(watch.were_modified());
}

TEST_CASE("writes to a batch do not change the dataset, shuffled or not") {
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

TEST_CASE("in stored order, batches are copies once any batch was written, also one after the first") {
  auto x = torch::arange(12.).view({6, 2});
  auto expected = x.clone();
  hone::TensorLoader<Tensor> loader(hone::TensorDataset{x}, {.batch_size = 2});
  expected.slice(0, 2, 4).neg_();  // the second batch of the first pass remains as written
  for (int pass = 0; pass < 2; ++pass) {
    int index = 0;
    for (auto& batch : loader) {
      if (pass > 0 || index > 0) batch.neg_();
      ++index;
    }
    CHECK(x.equal(expected));
  }
}

TEST_CASE("in stored order, a program may write to its data between epochs, and batches are still views") {
  auto x = torch::arange(6.);
  hone::TensorLoader<Tensor> loader(hone::TensorDataset{x}, {.batch_size = 2});
  for (int pass = 0; pass < 3; ++pass) {
    for (auto& batch : loader) CHECK(batch.is_alias_of(x));
    x.add_(1.0);
  }
  CHECK(x.equal(torch::arange(6.) + 3.0));
}

TEST_CASE("a single batch that was written is restored by the destructor of the loader") {
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

TEST_CASE("batches that are not written are views of the dataset") {
  auto x = torch::arange(6.);
  hone::TensorLoader<Tensor> loader(hone::TensorDataset{x}, {.batch_size = 2});
  for (int pass = 0; pass < 2; ++pass) {
    for (auto& batch : loader) CHECK(batch.is_alias_of(x));
  }
}

TEST_CASE("batches are detached from the dataset's tensors, shuffled or not") {
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
