// SPDX-License-Identifier: Apache-2.0
#include "trainer_variant.hpp"
#include "trainers.hpp"

std::unique_ptr<Variant> make_mnist_mlp(const Data& data) {
  return make_trainer<MnistMlpWorkload>(data, hone::Sgd{.lr = settings::lr, .momentum = settings::momentum},
                                        hone::RetainHeap{});
}
