// SPDX-License-Identifier: Apache-2.0
#include "trainer_variant.hpp"
#include "trainers.hpp"

std::unique_ptr<Variant> make_surrogate(const Data& data) {
  return make_trainer<SurrogateWorkload>(data, hone::Adam{.lr = settings::lr}, hone::RetainHeap{});
}
