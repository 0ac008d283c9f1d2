// SPDX-License-Identifier: Apache-2.0
/// Detection of LibTorch's elementwise losses. Most of them broadcast: for outputs `[N, 1]` and targets `[N]` they
/// compute the mean over N x N pairs, with a warning at most.
#pragma once

#include <ATen/core/Tensor.h>

#include <type_traits>

// NOLINTBEGIN(readability-identifier-naming): LibTorch's names; its header of losses would be compiled into each file.
namespace torch::nn {
struct BCELossImpl;
struct BCEWithLogitsLossImpl;
struct HingeEmbeddingLossImpl;
struct HuberLossImpl;
struct KLDivLossImpl;
struct L1LossImpl;
struct MSELossImpl;
struct MultiLabelSoftMarginLossImpl;
struct PoissonNLLLossImpl;
struct SmoothL1LossImpl;
struct SoftMarginLossImpl;
}  // namespace torch::nn
// NOLINTEND(readability-identifier-naming)

namespace hone {

namespace detail {

template <class Loss, class... Known>
inline constexpr bool is_among_losses = (false || ... || std::is_base_of_v<Known, Loss>);

}  // namespace detail

/// True for a loss of LibTorch, or a class derived from one, that compares each output with one target.
template <class Loss>
inline constexpr bool is_elementwise_loss =
    detail::is_among_losses<Loss, torch::nn::BCELossImpl, torch::nn::BCEWithLogitsLossImpl,
                            torch::nn::HingeEmbeddingLossImpl, torch::nn::HuberLossImpl, torch::nn::KLDivLossImpl,
                            torch::nn::L1LossImpl, torch::nn::MSELossImpl, torch::nn::MultiLabelSoftMarginLossImpl,
                            torch::nn::PoissonNLLLossImpl, torch::nn::SmoothL1LossImpl, torch::nn::SoftMarginLossImpl>;

}  // namespace hone
