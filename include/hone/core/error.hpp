// SPDX-License-Identifier: Apache-2.0
/// The exception types of hone. An option that is out of range throws `std::invalid_argument`, a call that the current
/// state does not allow throws `std::logic_error`. A message has one or two sentences: the cause, its value, the
/// remedy.
#pragma once

#include <stdexcept>

namespace hone {

/// Thrown for a file, a dataset or a batch that cannot be used.
class DataError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown when a prediction is stopped before all rows are predicted.
class StoppedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown for a device that is not available, has failed, is out of memory, or does not support a dtype of the model.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown when a rank fails, cannot be reached, or disagrees with another rank. A run that throws closes the process
/// group, which cannot be used afterwards.
class DistributedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace hone
