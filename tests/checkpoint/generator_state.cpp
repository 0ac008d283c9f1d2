// SPDX-License-Identifier: Apache-2.0
#include "hone/checkpoint/generator_state.hpp"

#include <torch/torch.h>

#include <cstdint>
#include <cstring>

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

TEST_CASE("a run that goes on with another device of its kind goes on with its numbers") {
  const hone::Dict states{{"cpu", torch::zeros(1)}, {"cuda:1", torch::ones(1)}, {"cuda:0", torch::ones(2)}};
  CHECK(hone::state_for(states, {c10::kCUDA, 0})->numel() == 2);
  CHECK(hone::state_for(states, {c10::kCUDA, 3})->numel() == 1);
  CHECK(hone::state_for(states, {c10::kMPS, 0}) == nullptr);
}

TEST_CASE("bytes that are no state are refused") {
  torch::manual_seed(4);
  const auto before = hone::generator_state();
  CHECK(files::contains(files::message([] { hone::set_generator_state(torch::zeros(7, torch::kByte)); }),
                        "no state of the generator of cpu"));
  CHECK(files::contains(files::message([] { hone::set_generator_state(torch::zeros(5000)); }), "no state"));
  CHECK(torch::equal(hone::generator_state(), before));
}

TEST_CASE("a state that would make the generator read beyond its numbers is refused") {
  torch::manual_seed(4);
  torch::rand({1});
  auto state = hone::generator_state();
  // As in LibTorch's file: the seed, then how many numbers are left (int), a flag, the place of the next one.
  auto* const bytes = state.mutable_data_ptr<std::uint8_t>();
  std::int32_t left = 0;
  std::uint64_t next = 0;
  std::memcpy(&left, bytes + 8, sizeof left);
  std::memcpy(&next, bytes + 16, sizeof next);
  REQUIRE(static_cast<std::uint64_t>(left) + next == 625);
  ++next;
  std::memcpy(bytes + 16, &next, sizeof next);
  const auto before = hone::generator_state();
  CHECK(files::contains(files::message([&] { hone::set_generator_state(state); }), "read beyond its numbers"));
  CHECK(torch::equal(hone::generator_state(), before));
}

TEST_CASE("every state that the generator comes to is taken") {
  torch::manual_seed(4);
  for (int i = 0; i < 1300; ++i) {
    hone::set_generator_state(hone::generator_state());
    torch::randint(2, {1});
  }
}
