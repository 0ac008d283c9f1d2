// SPDX-License-Identifier: Apache-2.0
/// The time of the matrix products of a step: linear layers, convolutions and attention, forward and backward, with the
/// kernels and sizes of the step. Outputs are preallocated where the operator has an `out` overload.
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/mm.h>

#include <array>
#include <functional>
#include <limits>
#include <vector>

#include "variant.hpp"
#include "workloads.hpp"

namespace {

using Product = std::function<void()>;

/// The first layer of a network does not need the gradient of its inputs.
enum class InputGradient { no, yes };

Product linear(std::int64_t rows, std::int64_t in, std::int64_t out, InputGradient input_gradient) {
  return [x = torch::randn({rows, in}), weight = torch::randn({out, in}), bias = torch::randn({out}),
          gradient = torch::randn({rows, out}), y = torch::empty({rows, out}),
          weight_gradient = torch::empty({out, in}), x_gradient = torch::empty({rows, in}), input_gradient]() mutable {
    at::addmm_out(y, bias, x, weight.t());
    at::mm_out(weight_gradient, gradient.t(), x);
    if (input_gradient == InputGradient::yes) at::mm_out(x_gradient, gradient, weight);
  };
}

Product convolution(const std::vector<std::int64_t>& image, std::int64_t channels, std::int64_t size,
                    InputGradient input_gradient) {
  const auto last = torch::MemoryFormat::ChannelsLast;
  const auto x = torch::randn(image).contiguous(last);
  const auto weight = torch::randn({channels, image[1], size, size}).contiguous(last);
  const auto bias = torch::randn({channels});
  const auto forward = [=] {
    return at::convolution(x, weight, bias, /*stride=*/{1, 1}, /*padding=*/{0, 0}, /*dilation=*/{1, 1},
                           /*transposed=*/false, /*output_padding=*/{0, 0}, /*groups=*/1);
  };
  return [=, gradient = torch::randn_like(forward())] {
    static_cast<void>(forward());
    static_cast<void>(at::convolution_backward(gradient, x, weight, at::IntArrayRef({channels}), {1, 1}, {0, 0}, {1, 1},
                                               false, {0, 0}, 1, {input_gradient == InputGradient::yes, true, true}));
  };
}

Product attention(std::int64_t batch) {
  const std::array<std::int64_t, 4> shape{batch, gpt::heads, gpt::context, gpt::width / gpt::heads};
  const auto q = torch::randn(shape), k = torch::randn(shape), v = torch::randn(shape), gradient = torch::randn(shape);
  return [=] {
    const auto [output, logsumexp] = at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, /*is_causal=*/true);
    static_cast<void>(
        at::_scaled_dot_product_flash_attention_for_cpu_backward(gradient, q, k, v, output, logsumexp, 0.0, true));
  };
}

std::vector<Product> products_of(std::string_view workload) {
  constexpr auto no = InputGradient::no, yes = InputGradient::yes;
  if (workload == "mnist_mlp") return {linear(32, 784, 128, no), linear(32, 128, 64, yes), linear(32, 64, 10, yes)};
  if (workload == "surrogate") {
    return {linear(256, 8, 64, no), linear(256, 64, 64, yes), linear(256, 64, 64, yes), linear(256, 64, 1, yes)};
  }
  if (workload == "mnist_cnn") {
    return {convolution({64, 1, 28, 28}, 10, 5, no), convolution({64, 10, 12, 12}, 20, 5, yes),
            linear(64, 320, 50, yes), linear(64, 50, 10, yes)};
  }
  constexpr auto batch = CharGptWorkload::batch_size, rows = batch * gpt::context;
  std::vector<Product> products{linear(rows, gpt::width, gpt::vocabulary, yes)};
  for (int block = 0; block < 2; ++block) {
    products.push_back(linear(rows, gpt::width, 3 * gpt::width, yes));
    products.push_back(attention(batch));
    products.push_back(linear(rows, gpt::width, gpt::width, yes));
    products.push_back(linear(rows, gpt::width, 4 * gpt::width, yes));
    products.push_back(linear(rows, 4 * gpt::width, gpt::width, yes));
  }
  return products;
}

class GemmOnly : public Variant {
 public:
  explicit GemmOnly(std::string_view workload) : products_(products_of(workload)) {}
  double train(std::int64_t steps) override {
    const torch::NoGradGuard no_grad;
    for (std::int64_t step = 0; step < steps; ++step) {
      for (const auto& product : products_) product();
    }
    return std::numeric_limits<double>::quiet_NaN();
  }

 private:
  std::vector<Product> products_;
};

}  // namespace

std::unique_ptr<Variant> make_gemm_only(std::string_view workload) {
  torch::manual_seed(settings::seed);
  return std::make_unique<GemmOnly>(workload);
}
