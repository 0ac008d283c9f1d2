// SPDX-License-Identifier: Apache-2.0
/// The baseline: a training loop that an expert writes for this network.
///
/// - Batches are gathered into reused buffers with `memcpy`, which is faster than an operator for small rows.
/// - The update is one fused kernel over tensor lists that are created once.
/// - Gradients are moved out of the parameters, and released immediately after the update.
/// - The loss is read without `item()`.
#include <ATen/ops/_fused_sgd.h>

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "hone/data/sampler.hpp"
#include "variant.hpp"
#include "workload.hpp"

namespace {

class HandwrittenLoop : public Variant {
 public:
  explicit HandwrittenLoop(const Data& data) : data_(data) {}

  double train(std::int64_t steps) override {
    // All variants visit the samples in the same order. Computing it is not part of a step.
    const auto order = hone::RandomSampler{seed}.order(data_.images.size(0), 0);
    const auto* indices = static_cast<const std::int64_t*>(order.const_data_ptr());
    model_->train();
    double total = 0.0;
    std::int64_t samples = 0;
    for (std::int64_t step = 0; step < steps; ++step) {
      gather(indices + step * batch_size);
      const auto loss = torch::cross_entropy_loss(model_->forward(images_), labels_);
      total += static_cast<double>(*static_cast<const float*>(loss.const_data_ptr())) * static_cast<double>(batch_size);
      samples += batch_size;
      loss.backward();
      update();
    }
    return total / static_cast<double>(samples);
  }

 private:
  void gather(const std::int64_t* indices) {
    for (std::int64_t i = 0; i < batch_size; ++i) {
      const auto index = static_cast<std::size_t>(indices[i]);
      std::memcpy(image_batch_ + static_cast<std::size_t>(i) * row_bytes_, all_images_ + index * row_bytes_,
                  row_bytes_);
      label_batch_[i] = all_labels_[index];
    }
  }

  void update() {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < parameters_.size(); ++i) gradients_[i] = std::move(parameters_[i].mutable_grad());
    at::_fused_sgd_(parameters_, gradients_, momenta_, /*weight_decay=*/0.0, momentum, lr, /*dampening=*/0.0,
                    /*nesterov=*/false, /*maximize=*/false, std::exchange(first_, false));
    for (auto& gradient : gradients_) gradient.reset();
  }

  static std::vector<torch::Tensor> zeros_like(const std::vector<torch::Tensor>& tensors) {
    std::vector<torch::Tensor> zeros;
    for (const auto& tensor : tensors) zeros.push_back(torch::zeros_like(tensor));
    return zeros;
  }

  const Data& data_;
  Mlp model_ = make_model();
  std::vector<torch::Tensor> parameters_ = model_->parameters();
  std::vector<torch::Tensor> gradients_{parameters_.size()};
  std::vector<torch::Tensor> momenta_ = zeros_like(parameters_);
  bool first_ = true;

  torch::Tensor images_ = torch::empty({batch_size, 1, 28, 28});
  torch::Tensor labels_ = torch::empty({batch_size}, torch::kInt64);
  const std::byte* all_images_ = static_cast<const std::byte*>(data_.images.const_data_ptr());
  std::byte* image_batch_ = static_cast<std::byte*>(images_.mutable_data_ptr());
  const std::int64_t* all_labels_ = static_cast<const std::int64_t*>(data_.labels.const_data_ptr());
  std::int64_t* label_batch_ = static_cast<std::int64_t*>(labels_.mutable_data_ptr());
  std::size_t row_bytes_ = images_.nbytes() / static_cast<std::size_t>(batch_size);
};

}  // namespace

std::unique_ptr<Variant> make_handwritten(std::int64_t steps) { return std::make_unique<HandwrittenLoop>(data(steps)); }
