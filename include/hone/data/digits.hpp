// SPDX-License-Identifier: Apache-2.0
/// A data set that needs no file: the ten digits, drawn with a wavering pen and distorted, from a seed.
///
/// A digit is a few pen strokes. Their points are shaken and the strokes rounded; then the whole is scaled, slanted,
/// turned and shifted, drawn with a pen of some width and ink, and covered with slight noise. All of it is integer
/// arithmetic, so a seed gives the same bits with every compiler, standard library and processor.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

#include "hone/data/tensor_dataset.hpp"

namespace hone {

/// `count` digits in the form of MNIST. Digit `i` depends on `seed` and `i` only: take different seeds for training and
/// testing.
///
/// **Shapes** images `[count, 1, 28, 28]`, float32; labels `[count]`, int64.
/// **Units** pixels from 0 to 1, labels from 0 to 9.
/// **Cost** about 20 microseconds a digit.
/// **Errors** `std::invalid_argument` when count < 1.
[[nodiscard]] TensorDataset<std::pair<at::Tensor, at::Tensor>> digits(std::int64_t count, std::uint64_t seed);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/data/digits.ipp"
#endif
