// SPDX-License-Identifier: Apache-2.0
/// What hone throws. An option that is out of range throws `std::invalid_argument`; everything that is wrong with a
/// file, a dataset or a batch throws `DataError`; a prediction that is stopped throws `StoppedError`; a device that
/// cannot be used throws `DeviceError`; what goes wrong between processes that train together throws
/// `DistributedError`. A message is one sentence or two: the thing, its value, the remedy.
#pragma once

#include <stdexcept>

namespace hone {

/// A file, a dataset or a batch cannot be used as it is.
class DataError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A run was stopped before its result was whole.
class StoppedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A device is not there, has failed, or has no memory left.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A process of a group failed, cannot be reached, or is at odds with the others. The group cannot be used any more.
class DistributedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace hone
