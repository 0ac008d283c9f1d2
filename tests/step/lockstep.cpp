// SPDX-License-Identifier: Apache-2.0
#include "hone/step/lockstep.hpp"

#include <vector>

#include "support/catch.hpp"

namespace {

/// Rank 0 of two ranks; the other rank has `theirs` batches.
struct Partner {
  using slot = hone::slots::Distribution;
  int theirs = 0;
  int asked = 0;
  double sum = 0.0;

  [[nodiscard]] static int rank() { return 0; }
  [[nodiscard]] static int world_size() { return 2; }
  void all_reduce_sum(const at::Tensor&) const {}
  template <class Model>
  void start(Model&) const {}
  void before_forward(bool) const {}
  template <class Backward>
  void backward(const at::Tensor&, bool, Backward&&) const {}
  void average_gradients() const {}
  void begin_all_reduce_sum(std::span<const double> numbers) { sum = numbers[0] + (asked++ < theirs ? 0.0 : 1.0); }
  std::span<const double> end_all_reduce_sum() { return {&sum, 1}; }
  void broadcast_buffers() const {}
  [[nodiscard]] static std::vector<at::Tensor> all_gather(const at::Tensor&) { return {}; }
  [[nodiscard]] static std::vector<std::string> all_gather_strings(std::string_view) { return {}; }
  void require_agreement(std::string_view, std::string_view, std::string_view) const {}
  void fail(std::string_view) const {}
};

std::vector<int> walk(std::vector<int> range, auto& processes, bool is_even) {
  std::vector<int> seen;
  for (const int batch : hone::lockstep(range, processes, is_even)) seen.push_back(batch);
  return seen;
}

TEST_CASE("the iteration ends on all ranks with the shortest range") {
  Partner shorter{.theirs = 2}, longer{.theirs = 9};
  CHECK(walk({1, 2, 3}, shorter, false) == std::vector{1, 2});
  CHECK(walk({1, 2, 3}, longer, false) == std::vector{1, 2, 3});
  CHECK(longer.asked == 4);
}

TEST_CASE("ranges of equal length and a single process need no communication") {
  Partner partner{.theirs = 0};
  CHECK(walk({1, 2, 3}, partner, true) == std::vector{1, 2, 3});
  CHECK(partner.asked == 0);
  hone::SingleProcess alone;
  std::vector<int> range{1, 2, 3};
  CHECK(&hone::lockstep(range, alone, false) == &range);
}

}  // namespace
