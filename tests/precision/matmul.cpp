// SPDX-License-Identifier: Apache-2.0
#include "hone/precision/matmul.hpp"

#include <torch/torch.h>

#include <stdexcept>
#include <vector>

#include "hone/policies/precision.hpp"
#include "support/catch.hpp"

namespace {

using at::Float32Backend;
using at::Float32Op;
using at::Float32Precision;
using hone::MatmulPrecision;
using hone::MatmulPrecisionGuard;

static_assert(hone::HasRunScope<hone::Tf32> && !hone::ScalesLoss<hone::Tf32> && !hone::ConvertsTensors<hone::Tf32>);

/// All settings of LibTorch's fp32_precision interface.
std::vector<int> settings() {
  std::vector<int> all;
  for (const auto backend : {Float32Backend::CUDA, Float32Backend::MKLDNN}) {
    for (const auto op : {Float32Op::ALL, Float32Op::CONV, Float32Op::RNN, Float32Op::MATMUL}) {
      all.push_back(static_cast<int>(at::globalContext().float32Precision(backend, op)));
    }
  }
  return all;
}
Float32Precision setting(Float32Backend backend, Float32Op op) {
  return at::globalContext().float32Precision(backend, op);
}

TEST_CASE("MatmulPrecisionGuard sets the precision of matrix products during its lifetime") {
  auto& context = at::globalContext();
  const auto before = settings();
  {
    const MatmulPrecisionGuard high(MatmulPrecision::high);
    CHECK(context.allowTF32CuBLAS());
    CHECK(context.allowTF32CuDNN());
    {
      const MatmulPrecisionGuard highest(MatmulPrecision::highest);
      CHECK(!context.allowTF32CuBLAS());
      CHECK(!context.allowTF32CuDNN());
      CHECK(setting(Float32Backend::CUDA, Float32Op::CONV) != Float32Precision::TF32);
    }
    CHECK(context.float32MatmulPrecision() == at::Float32MatmulPrecision::HIGH);
    CHECK_THROWS_AS(
        [] {
          const MatmulPrecisionGuard medium(MatmulPrecision::medium);
          CHECK(setting(Float32Backend::MKLDNN, Float32Op::MATMUL) == Float32Precision::BF16);
          throw std::runtime_error("out");
        }(),
        std::runtime_error);
    CHECK(setting(Float32Backend::CUDA, Float32Op::MATMUL) == Float32Precision::TF32);
  }
  CHECK(settings() == before);
  CHECK(context.float32MatmulPrecision() == at::Float32MatmulPrecision::HIGHEST);
  CHECK(context.allowTF32CuDNN());
}

TEST_CASE("MatmulPrecisionGuard restores settings that were made with the fp32_precision interface") {
  auto& context = at::globalContext();
  const auto before = settings();
  context.setFloat32Precision(Float32Backend::CUDA, Float32Op::MATMUL, Float32Precision::TF32);
  context.setFloat32Precision(Float32Backend::CUDA, Float32Op::CONV, Float32Precision::IEEE);
  CHECK_THROWS(context.float32MatmulPrecision());  // a mix of both interfaces cannot be read by the old one
  const auto told = settings();
  {
    const MatmulPrecisionGuard highest(MatmulPrecision::highest);
    CHECK(setting(Float32Backend::CUDA, Float32Op::MATMUL) == Float32Precision::IEEE);
    CHECK(setting(Float32Backend::CUDA, Float32Op::RNN) == Float32Precision::IEEE);
  }
  CHECK(settings() == told);
  {
    const MatmulPrecisionGuard medium(MatmulPrecision::medium);
    CHECK(setting(Float32Backend::CUDA, Float32Op::CONV) == Float32Precision::TF32);
    CHECK(setting(Float32Backend::MKLDNN, Float32Op::MATMUL) == Float32Precision::BF16);
  }
  CHECK(settings() == told);
  context.setFloat32Precision(Float32Backend::CUDA, Float32Op::MATMUL, Float32Precision::NONE);
  context.setFloat32Precision(Float32Backend::CUDA, Float32Op::CONV, Float32Precision::TF32);
  CHECK(settings() == before);
}

}  // namespace
