// SPDX-License-Identifier: Apache-2.0
/// Reader of the files of scripts/export_step.py: the model's tensors, and the inputs that the compiled steps expect.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone {

/// A tensor of the batch as the compiled steps expect it; the target is the last.
struct ExportedInput {
  std::string name;                 ///< The name of the input.
  at::ScalarType type;              ///< The dtype.
  std::vector<std::int64_t> shape;  ///< The shape of one sample.
};

/// A parameter or buffer.
struct ExportedTensor {
  std::string name;  ///< The name in Python's `state_dict()`.
  at::Tensor value;
  bool is_parameter = false;   ///< False for a buffer.
  bool is_trained = false;     ///< It required a gradient at export.
  std::size_t gradient = 0;    ///< The index of its gradient in the results of the training step; 0 without one.
  bool shares_memory = false;  ///< The gradient shares memory with another result or an input.
};

/// A module of the model, with the indices of its direct parameters and buffers in `ExportedPackage::tensors`.
struct ExportedPart {
  using Names = std::vector<std::pair<std::string, std::size_t>>;
  std::string path;  ///< Empty for the model itself. A module comes after its parent.
  std::string type;  ///< The name of its class in Python.
  Names parameters, buffers;
};

/// The contents of a package, without the compiled steps.
struct ExportedPackage {
  std::vector<ExportedInput> inputs;
  std::vector<ExportedTensor> tensors;  ///< In the order in which the steps expect them.
  std::vector<ExportedPart> parts;      ///< The modules, a parent before its children.
  bool has_outputs = false;             ///< Training returns the model's outputs, after loss and gradients.
  std::int64_t min_batch = 1;           ///< The smallest number of samples in a batch.
};

namespace detail {

inline constexpr int exported_format = 1;

inline constexpr std::string_view this_machine =
#if defined(__x86_64__)
    "x86_64";
#elif defined(__aarch64__)
    "aarch64";
#else
    "unknown";
#endif

/// Returns whether a CPU with the capability `here` can execute code for `wanted`; both are LibTorch's names.
bool cpu_suffices(std::string_view wanted, std::string_view here);

}  // namespace detail

/// Reads a package of scripts/export_step.py, without its compiled steps. Verifies the checksums of all records.
///
/// **Errors** `DataError` with the file's name, the cause and the remedy, for a file that is not such a package, is
/// truncated or damaged, or was made for another LibTorch (major and minor version), format, machine or CPU.
[[nodiscard]] ExportedPackage read_exported_package(const std::filesystem::path& path);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/exported/package.ipp"
#endif
