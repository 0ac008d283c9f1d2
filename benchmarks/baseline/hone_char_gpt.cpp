// SPDX-License-Identifier: Apache-2.0
#include "trainer_variant.hpp"
#include "trainers.hpp"

std::unique_ptr<Variant> make_char_gpt(const Data& data) {
  return make_trainer<CharGptWorkload>(
      data, hone::AdamW{.lr = settings::lr, .weight_decay = CharGptWorkload::weight_decay},
      hone::ClipNorm{.max_norm = CharGptWorkload::max_norm}, hone::CosineLr{.min_lr = 0.0}, hone::RetainHeap{});
}
