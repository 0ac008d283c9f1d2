// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/tensor_record.hpp"

#include <torch/torch.h>

#include <limits>

#include "files.hpp"
#include "support/catch.hpp"

namespace {

using Sizes = std::vector<std::int64_t>;
constexpr auto most = std::numeric_limits<std::int64_t>::max();

at::Tensor view(std::int64_t offset, const Sizes& sizes, const Sizes& strides) {
  return hone::detail::make_view(torch::arange(12, torch::kFloat).storage(), at::kFloat, offset, sizes, strides);
}

std::string refusal(std::int64_t offset, const Sizes& sizes, const Sizes& strides) {
  return files::message([&] { (void)view(offset, sizes, strides); });
}

}  // namespace

TEST_CASE("make_view matches as_strided") {
  const auto all = torch::arange(12, torch::kFloat);
  CHECK(view(0, {3, 4}, {4, 1}).equal(all.view({3, 4})));
  CHECK(view(5, {2, 2}, {4, 2}).equal(all.as_strided({2, 2}, {4, 2}, 5)));
  CHECK(view(11, {}, {}).item<float>() == 11);
  CHECK(view(11, {5}, {0}).equal(torch::full({5}, 11.0F)));
  CHECK(view(12, {0, 5}, {5, 1}).numel() == 0);
  CHECK(view(8, {4}, {1}).equal(all.slice(0, 8)));
}

TEST_CASE("make_view throws DataError for a view beyond its storage") {
  CHECK(files::contains(refusal(9, {4}, {1}), "over 48 bytes: it extends beyond them"));
  CHECK(files::contains(refusal(0, {2}, {12}), "extends beyond"));
  CHECK(files::contains(refusal(12, {}, {}), "extends beyond"));
  CHECK(files::contains(refusal(13, {0}, {1}), "extends beyond"));
}

TEST_CASE("make_view throws DataError for negative and overflowing numbers") {
  CHECK(files::contains(refusal(-1, {1}, {1}), "the offset is negative"));
  CHECK(files::contains(refusal(0, {-1}, {1}), "negative"));
  CHECK(files::contains(refusal(5, {2}, {-1}), "negative"));
  CHECK(files::contains(refusal(0, {most, most}, {0, 0}), "too large"));
  CHECK(files::contains(refusal(0, {most, 0}, {0, 0}), "too large"));
  CHECK(files::contains(refusal(0, {3}, {most}), "too large"));
  CHECK(files::contains(refusal(most, {2}, {1}), "too large"));
  CHECK(files::contains(refusal(0, {most / 2}, {0}), "too large"));
  CHECK(files::contains(refusal(0, {2, 2}, {1}), "the numbers of sizes and strides differ"));
  CHECK(files::contains(refusal(0, Sizes(65, 1), Sizes(65, 1)), "65 dimensions"));
}
