// SPDX-License-Identifier: Apache-2.0
/// Checks that every metric must pass: its value does not depend on how samples are split, ordered or merged.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <numeric>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "hone/metrics/metric.hpp"
#include "support/catch.hpp"

namespace hone {

/// Returns the entries of `all` at `rows`, each of `width` elements.
template <class T>
std::vector<T> picked(const std::vector<T>& all, const std::vector<std::size_t>& rows, std::size_t width = 1) {
  std::vector<T> some;
  for (const std::size_t row : rows) {
    for (std::size_t i = 0; i < width; ++i) some.push_back(all[row * width + i]);
  }
  return some;
}

/// Updates copies of `fresh` with random parts of `count` samples, by `see(metric, rows)`, and merges them.
/// `is_same` compares two metrics.
void check_parts(const auto& fresh, std::size_t count, auto see, auto is_same) {
  using M = std::remove_cvref_t<decltype(fresh)>;
  std::vector<std::size_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0);
  M whole = fresh;
  see(whole, rows);
  CHECK(std::isnan(fresh.value()));
  CHECK_FALSE(std::isnan(whole.value()));

  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    std::shuffle(rows.begin(), rows.end(), random);
    std::vector<M> parts;
    for (std::size_t at = 0; at < count;) {
      const auto length = std::min<std::size_t>(random() % 9, count - at);
      parts.push_back(fresh);
      see(parts.back(),
          {rows.begin() + static_cast<std::ptrdiff_t>(at), rows.begin() + static_cast<std::ptrdiff_t>(at + length)});
      at += length;
    }
    M merged = fresh, in_turn = fresh;
    for (const auto& part : parts) merged.merge(part);
    see(in_turn, rows);
    INFO("round " << round << ", " << parts.size() << " parts");
    CHECK(is_same(merged, whole));
    CHECK(is_same(in_turn, whole));
    CHECK(merged.value() == Approx(whole.value()).epsilon(1e-14));
    if constexpr (SummableMetric<M>) {
      M summed = fresh;
      for (const auto& part : parts) summed.add(part.sums());
      CHECK(summed == merged);
    }
  }
  whole.reset();
  CHECK(whole == fresh);
}
void check_parts(const auto& fresh, std::size_t count, auto see) {
  check_parts(fresh, count, see, [](const auto& left, const auto& right) { return left == right; });
}

template <class F>
std::string message_of(F function) {
  try {
    function();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace hone
