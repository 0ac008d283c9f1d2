// SPDX-License-Identifier: Apache-2.0
/// The loop that the trainer is measured against: written by hand for this one network, with what LibTorch does best.
///
/// Batches are gathered into buffers that are used again, by plain copies: rows this small are not worth a dispatch.
/// The optimizer is one fused kernel over lists that are made once. Gradients are taken, not copied, and given back to
/// the allocator right after the update. The loss is read where it lies, without `item()`.
#include <ATen/ops/_fused_sgd.h>

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "contender.hpp"
#include "hone/data/sampler.hpp"
#include "workload.hpp"

namespace {

class Hand : public Contender {
 public:
  explicit Hand(const Data& data) : data_(data) {}

  double train(std::int64_t steps) override {
    // Only so that all see the same batches; it is no part of a step.
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
      std::memcpy(to_images_ + static_cast<std::size_t>(i) * row_bytes_, from_images_ + index * row_bytes_, row_bytes_);
      to_labels_[i] = from_labels_[index];
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
  const std::byte* from_images_ = static_cast<const std::byte*>(data_.images.const_data_ptr());
  std::byte* to_images_ = static_cast<std::byte*>(images_.mutable_data_ptr());
  const std::int64_t* from_labels_ = static_cast<const std::int64_t*>(data_.labels.const_data_ptr());
  std::int64_t* to_labels_ = static_cast<std::int64_t*>(labels_.mutable_data_ptr());
  std::size_t row_bytes_ = images_.nbytes() / static_cast<std::size_t>(batch_size);
};

}  // namespace

std::unique_ptr<Contender> make_hand(std::int64_t steps) { return std::make_unique<Hand>(data(steps)); }
