// SPDX-License-Identifier: Apache-2.0
/// The precision of float32 matrix multiplications and convolutions.
#pragma once

#include <ATen/Context.h>
#include <c10/util/Exception.h>

#include <array>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "hone/core/policy.hpp"

namespace hone {

/// The precisions of Python's `torch.set_float32_matmul_precision`.
enum class MatmulPrecision {
  highest,  ///< float32, also for convolutions (LibTorch's default for convolutions is TF32).
  high,     ///< TensorFloat-32 if the device supports it: float32's exponent range, 10 bits of mantissa.
  medium,   ///< bfloat16 internally if LibTorch supports it, else as `high`.
};

/// RAII guard that sets the process-wide precision of cuBLAS, cuDNN, and oneDNN's matrix multiplications. The
/// destructor restores the previous settings, with either of LibTorch's two APIs for them.
///
/// **Cost** about 200 ns.
/// **Source** `at::Context::setFloat32MatmulPrecision`, `setFloat32Precision`.
class [[nodiscard]] MatmulPrecisionGuard {
 public:
  /// Sets `precision` and stores the previous settings.
  explicit MatmulPrecisionGuard(MatmulPrecision precision)
      : matmul_before_(known([] { return at::globalContext().float32MatmulPrecision(); })),
        convolution_before_(known([] { return at::globalContext().allowTF32CuDNN(); })) {
    auto& context = at::globalContext();
    for (std::size_t i = 0; i < places.size(); ++i) {
      before_[i] = context.float32Precision(places[i].first, places[i].second);
    }
    const bool shortens = precision != MatmulPrecision::highest;
    if (matmul_before_) {
      context.setFloat32MatmulPrecision(precision == MatmulPrecision::highest ? "highest"
                                        : precision == MatmulPrecision::high  ? "high"
                                                                              : "medium");
    } else {  // the program uses the new API, and LibTorch rejects a mix of both
      set(at::Float32Backend::CUDA, at::Float32Op::MATMUL, shortens);
      context.setFloat32Precision(at::Float32Backend::MKLDNN, at::Float32Op::MATMUL,
                                  precision == MatmulPrecision::highest ? at::Float32Precision::IEEE
                                  : precision == MatmulPrecision::high  ? at::Float32Precision::TF32
                                                                        : at::Float32Precision::BF16);
    }
    if (convolution_before_) {
      context.setAllowTF32CuDNN(shortens);
    } else {
      set(at::Float32Backend::CUDA, at::Float32Op::CONV, shortens);
      set(at::Float32Backend::CUDA, at::Float32Op::RNN, shortens);
    }
  }
  MatmulPrecisionGuard(const MatmulPrecisionGuard&) = delete;
  MatmulPrecisionGuard& operator=(const MatmulPrecisionGuard&) = delete;
  ~MatmulPrecisionGuard() {
    auto& context = at::globalContext();
    if (matmul_before_) {
      context.setFloat32MatmulPrecision(*matmul_before_ == at::Float32MatmulPrecision::HIGHEST ? "highest"
                                        : *matmul_before_ == at::Float32MatmulPrecision::HIGH  ? "high"
                                                                                               : "medium");
    }
    if (convolution_before_) context.setAllowTF32CuDNN(*convolution_before_);
    for (std::size_t i = 0; i < places.size(); ++i) {
      context.setFloat32Precision(places[i].first, places[i].second, before_[i]);
    }
  }

 private:
  /// Returns the setting in the old API, or `nullopt` if the current settings cannot be expressed in the old API.
  template <class F>
  static auto known(F&& ask) -> std::optional<decltype(ask())> {
    try {
      return ask();
    } catch (const c10::Error&) {
      return std::nullopt;
    }
  }
  static void set(at::Float32Backend backend, at::Float32Op op, bool shortens) {
    at::globalContext().setFloat32Precision(backend, op,
                                            shortens ? at::Float32Precision::TF32 : at::Float32Precision::IEEE);
  }

  using Place = std::pair<at::Float32Backend, at::Float32Op>;
  static constexpr std::array<Place, 4> places{
      Place{at::Float32Backend::CUDA, at::Float32Op::MATMUL}, Place{at::Float32Backend::CUDA, at::Float32Op::CONV},
      Place{at::Float32Backend::CUDA, at::Float32Op::RNN}, Place{at::Float32Backend::MKLDNN, at::Float32Op::MATMUL}};

  std::optional<at::Float32MatmulPrecision> matmul_before_;
  std::optional<bool> convolution_before_;
  std::array<at::Float32Precision, places.size()> before_{};
};

/// Every operator computes in the dtype of its tensors, with `precision` for float32 matrix multiplications and
/// convolutions. The setting is process-wide, for the duration of a run or of a step in a custom training loop.
///
/// **Cost** a few hundred nanoseconds for each run, or for each step in a custom training loop.
/// **Example** `hone::Trainer{model, loss, hone::AdamW{}, hone::Tf32{}}`
template <MatmulPrecision precision>
struct Fp32With {
  using slot = slots::Precision;
  [[nodiscard]] static NoScope region(c10::Device) { return {}; }
  static MatmulPrecisionGuard over_run() { return MatmulPrecisionGuard(precision); }
};

/// Float32 matrix multiplications and convolutions in TensorFloat-32, which NVIDIA GPUs support since Ampere.
using Tf32 = Fp32With<MatmulPrecision::high>;
static_assert(std::is_empty_v<Tf32>);

}  // namespace hone
