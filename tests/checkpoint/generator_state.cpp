// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/generator_state.hpp"

#include <torch/torch.h>

#include "checkpoint/files.hpp"
#include "support/catch.hpp"

TEST_CASE("random numbers come again, also in the middle of a pair") {
  torch::manual_seed(3);
  torch::randn({1});  // normal numbers are drawn in pairs: the second waits
  const auto states = hone::generator_states(c10::kCPU);
  const auto first = torch::randn({1}), second = torch::rand({5});
  hone::set_generator_states(states, c10::kCPU);
  CHECK(torch::equal(torch::randn({1}), first));
  CHECK(torch::equal(torch::rand({5}), second));
}

TEST_CASE("bytes that are no state are refused") {
  torch::manual_seed(4);
  const auto before = hone::generator_state();
  CHECK(files::contains(files::message([] { hone::set_generator_state(torch::zeros(7, torch::kByte)); }),
                        "no state of the generator of cpu"));
  CHECK(files::contains(files::message([] { hone::set_generator_state(torch::zeros(5000)); }), "no state"));
  CHECK(torch::equal(hone::generator_state(), before));
}
