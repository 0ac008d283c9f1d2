// SPDX-License-Identifier: Apache-2.0
#include "trainer_variant.hpp"
#include "trainers.hpp"

std::unique_ptr<Variant> make_mnist_cnn(const Data& data) {
  return make_trainer<MnistCnnWorkload>(data, hone::Adam{.lr = settings::lr}, hone::ChannelsLast{}, hone::RetainHeap{});
}
