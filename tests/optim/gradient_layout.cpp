// SPDX-License-Identifier: Apache-2.0
#include "hone/optim/gradient_layout.hpp"

#include <torch/torch.h>

#include <string>

#include "support/catch.hpp"

namespace {

std::string message_of(torch::Tensor gradient, const torch::Tensor& parameter) {
  CHECK_FALSE(hone::detail::is_laid_out_alike(gradient, parameter));
  try {
    hone::detail::adopt_gradient(gradient, parameter, "w");
  } catch (const hone::DataError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("adopt_gradient copies a gradient with other strides into the parameter's layout") {
  for (const auto& parameter : {torch::zeros({2, 3}), torch::zeros({3, 2}).t()}) {
    const auto values = torch::arange(6.0F).reshape({2, 3});
    auto gradient = parameter.is_contiguous() ? values.t().contiguous().t() : values;
    REQUIRE_FALSE(hone::detail::is_laid_out_alike(gradient, parameter));
    hone::detail::adopt_gradient(gradient, parameter, "w");
    CHECK(gradient.strides() == parameter.strides());
    CHECK(torch::equal(gradient, values));
  }
}

TEST_CASE("adopt_gradient resolves a lazily negated gradient") {
  for (const auto& parameter : {torch::zeros({2, 3}), torch::zeros({3, 2}).t(), torch::zeros({1, 3})}) {
    const auto values = torch::rand_like(parameter);
    auto gradient = at::_neg_view(-values);
    REQUIRE_FALSE(hone::detail::is_laid_out_alike(gradient, parameter));
    hone::detail::adopt_gradient(gradient, parameter, "w");
    CHECK_FALSE(gradient.is_neg());
    CHECK(gradient.strides() == parameter.strides());
    CHECK(torch::equal(gradient, values));
  }
}

TEST_CASE("adopt_gradient keeps a gradient with the parameter's strides, contiguous or not") {
  const auto parameter = torch::zeros({3, 2}).t();
  auto gradient = torch::ones({3, 2}).t();
  const void* data = gradient.data_ptr();
  hone::detail::adopt_gradient(gradient, parameter, "w");
  CHECK(gradient.data_ptr() == data);
  CHECK(hone::detail::is_laid_out_alike(torch::ones({2}), torch::zeros({2})));
}

TEST_CASE("adopt_gradient throws DataError for a sparse gradient or one of another type, shape or device") {
  const auto w = torch::zeros({2, 3});
  CHECK(message_of(torch::ones({2, 3}).to_sparse(), w) ==
        "The gradient of 'w' is sparse, but the fused kernels need a dense gradient. Build the layer with dense "
        "gradients (for an embedding: sparse(false)), or use a torch::optim optimizer.");
  CHECK(
      message_of(torch::ones({2, 3}, torch::kFloat64), w) ==
      "The gradient of 'w' is Double, but the parameter is Float. Convert the gradient to the parameter's type before "
      "the step.");
  CHECK(message_of(torch::ones({3, 2}), w) ==
        "The gradient of 'w' has shape [3, 2], but the parameter has [2, 3]. Give the gradient the parameter's shape "
        "before "
        "the step.");
  CHECK(
      message_of(torch::ones({2, 3}, torch::kMeta), w) ==
      "The gradient of 'w' is on meta, but the parameter is on cpu. Move the gradient to the parameter's device before "
      "the step.");
}
