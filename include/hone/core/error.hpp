// SPDX-License-Identifier: Apache-2.0
/// What hone throws. An option that is out of range throws `std::invalid_argument`; everything that is wrong with a file,
/// a dataset or a batch throws `DataError`. A message is one sentence or two: the thing, its value, the remedy.
#pragma once

#include <stdexcept>

namespace hone {

/// A file, a dataset or a batch cannot be used as it is.
class DataError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace hone
