// SPDX-License-Identifier: Apache-2.0
/// The workloads' data.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

inline constexpr std::array<std::string_view, 4> workload_names{"mnist_mlp", "surrogate", "mnist_cnn", "char_gpt"};
namespace settings {
inline constexpr std::uint64_t seed = 1;  ///< Of weights, drawn data and order.
}

/// Samples in the first dimension.
struct Data {
  at::Tensor inputs, targets;
  std::int64_t batch_size = 0;
};

/// Where data comes from. Without `mnist`, digits are drawn; with `written`, it is read from there as `write_data` left
/// it. `batch_size` 0 is the workload's own.
struct Source {
  std::filesystem::path mnist, text, written;
  std::int64_t batch_size = 0;
};

/// The samples of `steps` steps of a workload: images, values of a smooth function, or windows of a text.
///
/// **Errors** `std::invalid_argument` when there are fewer.
Data load_data(std::string_view workload, std::int64_t steps, const Source& source);

/// Writes NAME.pt with `inputs`, `targets`, the initial `weights` and the `order` of an epoch, for Python's
/// `torch.load`.
void write_data(std::string_view workload, std::int64_t steps, const Source& source,
                const std::filesystem::path& folder);
