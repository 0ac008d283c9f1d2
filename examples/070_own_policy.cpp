// SPDX-License-Identifier: Apache-2.0
/// A custom policy: a class that names its slot. This one limits the norm of each gradient to a fraction of its
/// parameter's norm (A. Brock et al., "High-Performance Large-Scale Image Recognition Without Normalization", 2021,
/// equation 3, with one norm for each tensor).
/* prints:
 * at most 0.05 of the norm: true
 */
#include <fmt/format.h>
#include <torch/torch.h>

#include <hone/hone.hpp>

class AdaptiveClip {
 public:
  using slot = hone::slots::Clipping;
  AdaptiveClip(double ratio, std::vector<torch::Tensor> parameters)
      : ratio_(ratio), parameters_(std::move(parameters)) {}

  void clip(at::TensorList gradients) const {
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const auto limit = ratio_ * parameters_[i].norm().clamp_min(1e-3);
      gradients[i].mul_((limit / gradients[i].norm().clamp_min(1e-6)).clamp_max(1.0));
    }
  }

 private:
  double ratio_;
  std::vector<torch::Tensor> parameters_;
};

int main() {
  torch::manual_seed(0);
  auto model = torch::nn::Linear(4, 1);
  bool within = true;
  auto check = hone::on<hone::BeforeOptimizerStep>([&](const auto&) {
    for (const auto& parameter : model->parameters()) {
      within &= (parameter.grad().norm() <= 0.0501 * parameter.norm().clamp_min(1e-3)).template item<bool>();
    }
  });
  auto trainer =
      hone::Trainer{model, torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}, AdaptiveClip{0.05, model->parameters()}, check};

  auto x = 100.0 * torch::randn({64, 4});
  trainer.train(hone::TensorDataset{x, x.sum(1, true)}, {.num_epochs = 3, .seed = 0});
  fmt::print("at most 0.05 of the norm: {}\n", within);
}
