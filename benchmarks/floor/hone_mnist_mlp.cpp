// SPDX-License-Identifier: Apache-2.0
#include "composed.hpp"
#include "trainers.hpp"

std::unique_ptr<Contender> make_mnist_mlp(const Data& data) {
  return compose<MnistMlpWorkload>(data, hone::Sgd{.lr = settings::lr, .momentum = settings::momentum},
                                   hone::RetainHeap{});
}
