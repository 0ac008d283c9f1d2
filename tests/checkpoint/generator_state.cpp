// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/generator_state.hpp"

#include <torch/torch.h>

#include <cstdint>
#include <cstring>

#include "checkpoint/files.hpp"
#include "support/catch.hpp"

TEST_CASE("restored generator states repeat the random numbers, also within a pair of normal numbers") {
  torch::manual_seed(3);
  torch::randn({1});  // normal numbers are generated in pairs: the second one is cached
  const auto states = hone::generator_states(c10::kCPU);
  const auto first = torch::randn({1}), second = torch::rand({5});
  hone::set_generator_states(states, c10::kCPU);
  CHECK(torch::equal(torch::randn({1}), first));
  CHECK(torch::equal(torch::rand({5}), second));
}

TEST_CASE("state_for returns the state of the device, else the state of another device of the same type") {
  const hone::Dict states{{"cpu", torch::zeros(1)}, {"cuda:1", torch::ones(1)}, {"cuda:0", torch::ones(2)}};
  CHECK(hone::state_for(states, {c10::kCUDA, 0})->numel() == 2);
  CHECK(hone::state_for(states, {c10::kCUDA, 3})->numel() == 1);
  CHECK(hone::state_for(states, {c10::kMPS, 0}) == nullptr);
}

TEST_CASE("set_generator_state throws DataError for an invalid tensor and changes nothing") {
  torch::manual_seed(4);
  const auto before = hone::generator_state();
  CHECK(files::contains(files::message([] { hone::set_generator_state(torch::zeros(7, torch::kByte)); }),
                        "not a state of the generator of cpu"));
  CHECK(files::contains(files::message([] { hone::set_generator_state(torch::zeros(5000)); }), "not a state"));
  CHECK(torch::equal(hone::generator_state(), before));
}

TEST_CASE("set_generator_state throws DataError for a state that would make the generator read out of bounds") {
  torch::manual_seed(4);
  torch::rand({1});
  auto state = hone::generator_state();
  // LibTorch's layout: the seed, the number of unused values (int), a flag, the index of the next value.
  auto* const bytes = state.mutable_data_ptr<std::uint8_t>();
  std::int32_t left = 0;
  std::uint64_t next = 0;
  std::memcpy(&left, bytes + 8, sizeof left);
  std::memcpy(&next, bytes + 16, sizeof next);
  REQUIRE(static_cast<std::uint64_t>(left) + next == 625);
  ++next;
  std::memcpy(bytes + 16, &next, sizeof next);
  const auto before = hone::generator_state();
  CHECK(files::contains(files::message([&] { hone::set_generator_state(state); }), "its position is out of range"));
  CHECK(torch::equal(hone::generator_state(), before));
}

TEST_CASE("set_generator_state accepts every state that the generator reaches") {
  torch::manual_seed(4);
  for (int i = 0; i < 1300; ++i) {
    hone::set_generator_state(hone::generator_state());
    torch::randint(2, {1});
  }
}
