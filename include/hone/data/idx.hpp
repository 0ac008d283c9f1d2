// SPDX-License-Identifier: Apache-2.0
/// Readers of IDX files, plain or gzip-compressed, and of the MNIST data set, which consists of four IDX files.
///
/// **Source** Y. LeCun's MNIST page describes the format: two zero bytes, the element type, the number of dimensions,
/// each dimension as a big-endian 32-bit number, the elements.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <utility>

#include "hone/data/tensor_dataset.hpp"

namespace hone {

/// Reads an IDX file of unsigned bytes, plain or gzip-compressed.
///
/// **Shapes** as in the file's header, with 1 to 8 dimensions, uint8.
/// **Errors** `DataError` with the file's name, the problem and a remedy. If the file is too small for the sizes in its
/// header, it is thrown before any memory is allocated for the elements.
[[nodiscard]] at::Tensor read_idx(const std::filesystem::path& path);

/// The MNIST data set of handwritten digits.
struct Mnist {
  using Dataset = TensorDataset<std::pair<at::Tensor, at::Tensor>>;
  Dataset train;  ///< The training set.
  Dataset test;   ///< The test set.
};

/// Reads the four files of MNIST, or of a data set in the same format such as Fashion-MNIST, from a directory. Each
/// name may be spelled `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, with or without the ending `.gz`.
///
/// **Shapes** images `[samples, 1, 28, 28]`, float32; labels `[samples]`, int64.
/// **Units** pixels from 0 to 1, labels from 0 to 9.
/// **Errors** `DataError` if a file is missing (with the names that were tried), is damaged or has the wrong
/// dimensions, if the numbers of images and labels differ, or if a label is above 9.
[[nodiscard]] Mnist mnist(const std::filesystem::path& folder);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/data/idx.ipp"
#endif
