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
inline constexpr std::uint64_t seed = 1;  ///< Of the initial weights, synthetic data and sample order.
}

/// Samples are in the first dimension.
struct Data {
  at::Tensor inputs, targets;
  std::int64_t batch_size = 0;
};

/// The source of the data.
struct Source {
  std::filesystem::path mnist;    ///< The folder of MNIST's four files. Empty: synthetic digits.
  std::filesystem::path text;     ///< The text of `char_gpt`.
  std::filesystem::path written;  ///< A folder that `write_data` wrote. If set, data is read only from there.
  std::int64_t batch_size = 0;    ///< 0: the batch size of the workload.
};

/// Returns the samples of `steps` steps of a workload: images, values of a smooth function, or windows of a text.
///
/// **Errors** `std::invalid_argument` if there are fewer samples.
Data load_data(std::string_view workload, std::int64_t steps, const Source& source);

/// Writes NAME.pt with `inputs`, `targets`, the initial `weights` and the `order` of an epoch, for Python's
/// `torch.load`.
void write_data(std::string_view workload, std::int64_t steps, const Source& source,
                const std::filesystem::path& folder);
