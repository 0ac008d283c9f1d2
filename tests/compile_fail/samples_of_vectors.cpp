// expect: hone: samples of this type cannot be stacked. Return tensors and numbers from `get`, in a pair or an adapted struct (torch::tensor converts a std::vector), or pass IndexedLoader a collate function from std::vector<Sample> to a batch.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An indexed dataset whose samples are vectors of numbers.
#include <torch/torch.h>

#include "hone/optim/sgd.hpp"
#include "hone/trainer/trainer.hpp"

struct Set {
  [[nodiscard]] std::size_t size() const { return 8; }
  [[nodiscard]] auto get(std::size_t) const {
    const std::vector<float> x(2);
#ifdef FIXED
    return std::pair{torch::tensor(x), 1.f};
#else
    return std::pair{x, 1.f};
#endif
  }
};

void use() { hone::Trainer{torch::nn::Linear(2, 1), torch::nn::MSELoss{}, hone::Sgd{.lr = 0.1}}.train(Set{}); }
