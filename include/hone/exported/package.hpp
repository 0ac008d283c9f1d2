// SPDX-License-Identifier: Apache-2.0
/// Reads what scripts/export_step.py writes beside the compiled steps: the model's tensors, and what the steps expect.
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

/// A tensor of the batch, as the steps expect it; the target is the last.
struct ExportedInput {
  std::string name;
  at::ScalarType type;
  std::vector<std::int64_t> shape;  ///< Of one sample.
};

/// A parameter or buffer.
struct ExportedTensor {
  std::string name;
  at::Tensor value;
  bool is_parameter = false;
  bool is_trained = false;     ///< It required a gradient when it was exported.
  std::size_t gradient = 0;    ///< The place of its gradient among the results of the training step; 0: it has none.
  bool shares_memory = false;  ///< That gradient lies where another result or an input does.
};

/// A part of the model, with the places of its own tensors in `ExportedPackage::tensors`.
struct ExportedPart {
  using Names = std::vector<std::pair<std::string, std::size_t>>;
  std::string path;  ///< Empty for the model itself. A part comes after what it lies in.
  std::string type;  ///< The name of its class in Python.
  Names parameters, buffers;
};

/// What stands in a package beside the compiled steps.
struct ExportedPackage {
  std::vector<ExportedInput> inputs;
  std::vector<ExportedTensor> tensors;  ///< In the order in which the steps take them.
  std::vector<ExportedPart> parts;
  bool has_outputs = false;  ///< Training returns the model's outputs, after loss and gradients.
  std::int64_t min_batch = 1;
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

/// True when a CPU that can do `here` can do what `wanted` stands for, both in LibTorch's words.
bool cpu_suffices(std::string_view wanted, std::string_view here);

}  // namespace detail

/// Reads a package of scripts/export_step.py, without its compiled steps; the checksum of everything in it is looked
/// at.
///
/// **Errors** `DataError` with the file's name, what is wrong and what to do: for a file that is no such package, is
/// cut off or damaged, or was made for another LibTorch (the first two numbers of the version count), format or CPU.
[[nodiscard]] ExportedPackage read_exported_package(const std::filesystem::path& path);

}  // namespace hone

#ifndef HONE_COMPILED_LIB
#include "hone/exported/package.ipp"
#endif
