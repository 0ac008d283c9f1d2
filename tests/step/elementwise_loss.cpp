// SPDX-License-Identifier: Apache-2.0
// batch_loss.cpp tests the check of shapes.
#include "hone/step/elementwise_loss.hpp"

#include <torch/torch.h>

namespace {

using hone::is_elementwise_loss;
static_assert(is_elementwise_loss<torch::nn::MSELossImpl> && is_elementwise_loss<torch::nn::BCEWithLogitsLossImpl>);
static_assert(!is_elementwise_loss<torch::nn::CrossEntropyLossImpl> && !is_elementwise_loss<torch::nn::NLLLossImpl>);
static_assert(!is_elementwise_loss<torch::nn::MultiMarginLossImpl> && !is_elementwise_loss<torch::nn::CTCLossImpl>);
static_assert(!is_elementwise_loss<int> && !is_elementwise_loss<torch::Tensor (*)(torch::Tensor, torch::Tensor)>);

}  // namespace
