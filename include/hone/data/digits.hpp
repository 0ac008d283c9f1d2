// SPDX-License-Identifier: Apache-2.0
/// A synthetic data set of handwritten digits, generated from a seed.
///
/// A digit consists of pen strokes. The generator adds noise to the points of the strokes, rounds corners, scales,
/// slants, rotates and shifts the digit, draws it with a random pen radius and ink, and adds noise to the pixels.
/// Pixels are computed in integer arithmetic, so a seed produces the same data with every compiler, standard library
/// and CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

#include "hone/data/tensor_dataset.hpp"

namespace hone {

/// Returns `count` digits in the format of MNIST. Digit `i` depends on `seed` and `i` only. Use different seeds for
/// training and testing.
///
/// **Shapes** images `[count, 1, 28, 28]`, float32; labels `[count]`, int64.
/// **Units** pixels from 0 to 1, labels from 0 to 9.
/// **Cost** about 20 microseconds per digit.
/// **Errors** `std::invalid_argument` if count < 1.
[[nodiscard]] TensorDataset<std::pair<at::Tensor, at::Tensor>> digits(std::int64_t count, std::uint64_t seed);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/data/digits.ipp"
#endif
