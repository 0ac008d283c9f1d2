// SPDX-License-Identifier: Apache-2.0
/// IDX files, plain or gzip-compressed, and the MNIST data set that is kept in four of them.
///
/// **Source** the format is described on Y. LeCun's MNIST page: two zero bytes, the element type, the number of
/// dimensions, each dimension as a big-endian 32-bit number, the elements.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <utility>

#include "hone/data/tensor_dataset.hpp"

namespace hone {

/// Reads an IDX file of unsigned bytes, plain or gzip-compressed.
///
/// **Shapes** those of the file's header, uint8.
/// **Errors** `DataError` naming the file, what is wrong with it and what to do. No memory is allocated for sizes that
/// the file cannot hold.
[[nodiscard]] at::Tensor read_idx(const std::filesystem::path& path);

/// The MNIST data set of handwritten digits.
struct Mnist {
  using Dataset = TensorDataset<std::pair<at::Tensor, at::Tensor>>;
  Dataset train;
  Dataset test;
};

/// Reads the four MNIST files (or those of a data set in the same form, such as Fashion-MNIST) from a folder. They may
/// be plain or end in `.gz`, and be spelled `train-images-idx3-ubyte` or `train-images.idx3-ubyte`.
///
/// **Shapes** images `[samples, 1, 28, 28]`, float32; labels `[samples]`, int64.
/// **Units** pixels from 0 to 1, labels from 0 to 9.
/// **Errors** `DataError` when a file is missing (with the names looked for), damaged or not what it should be, when
/// the numbers of images and labels differ, or when a label is not a digit.
[[nodiscard]] Mnist mnist(const std::filesystem::path& folder);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/data/idx.ipp"
#endif
