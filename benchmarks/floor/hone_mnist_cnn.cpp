// SPDX-License-Identifier: Apache-2.0
#include "composed.hpp"
#include "trainers.hpp"

std::unique_ptr<Contender> make_mnist_cnn(const Data& data) {
  return compose<MnistCnnWorkload>(data, hone::Adam{.lr = settings::lr}, hone::ChannelsLast{}, hone::RetainHeap{});
}
