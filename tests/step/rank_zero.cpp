// SPDX-License-Identifier: Apache-2.0
#include "hone/step/rank_zero.hpp"

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

namespace {

/// One of two ranks. `said` is the text that this rank passed to the all-gather, and `heard` the text of rank 0.
struct Pair {
  using slot = hone::slots::Distribution;
  int own_rank = 0;
  std::string said = {}, heard = {};

  [[nodiscard]] int rank() const { return own_rank; }
  [[nodiscard]] static int world_size() { return 2; }
  [[nodiscard]] std::vector<std::string> all_gather_strings(std::string_view text) {
    said = text;
    return own_rank == 0 ? std::vector{said, std::string()} : std::vector{heard, said};
  }
  static void start(auto&) {}
  static void before_forward(bool) {}
  static void backward(const at::Tensor&, bool, auto&&) {}
  static void average_gradients() {}
  static void begin_all_reduce_sum(std::span<const double>) {}
  static std::span<const double> end_all_reduce_sum() { return {}; }
  static void broadcast_buffers() {}
  static std::vector<at::Tensor> all_gather(const at::Tensor&) { return {}; }
  static void require_agreement(std::string_view, std::string_view, std::string_view) {}
  static void fail(std::string_view) {}
  static void all_reduce_sum(const at::Tensor&) {}
};
static_assert(hone::ReducesGradients<Pair>);

/// Returns or throws what rank 1 does if rank 0 calls `f`.
template <class F>
auto in_the_second(F&& f) {
  Pair first{0};
  try {
    static_cast<void>(hone::on_rank_zero(first, f));
  } catch (const std::exception&) {
  }
  Pair second{1, {}, first.said};
  int calls = 0;
  auto result = hone::on_rank_zero(second, [&] {
    ++calls;
    return f();
  });
  CHECK(calls == 0);
  return result;
}

TEST_CASE("on_rank_zero returns the value of rank 0 on every rank") {
  hone::SingleProcess alone;
  CHECK(hone::on_rank_zero(alone, [] { return 3; }) == 3);
  Pair first;
  CHECK(hone::on_rank_zero(first, [] { return 0.5; }) == 0.5);
  CHECK(in_the_second([] { return 0.5; }) == 0.5);
  CHECK(in_the_second([] { return std::optional(0.25); }) == 0.25);
  CHECK(in_the_second([] { return std::optional<double>(); }) == std::nullopt);
}

TEST_CASE("on_rank_zero throws on every rank if rank 0 throws") {
  const auto full = []() -> int { throw hone::DataError("No room."); };
  const auto wrong = []() -> int { throw std::invalid_argument("No such name."); };
  const auto other = []() -> int { throw 1; };
  Pair first;
  CHECK_THROWS_AS(hone::on_rank_zero(first, wrong), std::invalid_argument);
  CHECK_THROWS_AS(hone::on_rank_zero(first, other), int);
  CHECK_THROWS_AS(in_the_second(full), hone::DataError);
  CHECK_THROWS_WITH(in_the_second(full), "Rank 0: No room.");
  CHECK_THROWS_AS(in_the_second(wrong), hone::DistributedError);
  CHECK_THROWS_WITH(in_the_second(wrong), "Rank 0: No such name.");
}

}  // namespace
