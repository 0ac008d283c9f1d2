// SPDX-License-Identifier: Apache-2.0
#include "composed.hpp"
#include "trainers.hpp"

std::unique_ptr<Contender> make_surrogate(const Data& data) {
  return compose<SurrogateWorkload>(data, hone::Adam{.lr = settings::lr}, hone::RetainHeap{});
}
