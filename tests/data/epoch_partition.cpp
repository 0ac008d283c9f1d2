// SPDX-License-Identifier: Apache-2.0
#include "hone/data/epoch_partition.hpp"

#include <vector>

#include "support/catch.hpp"

namespace {

using hone::LoaderOptions;
using hone::detail::EpochPartition;

/// A contiguous range of positions in an epoch's order.
struct Stretch {
  std::int64_t begin, end;
  friend bool operator==(const Stretch&, const Stretch&) = default;
};
using Steps = std::vector<std::vector<Stretch>>;  // by step and rank

Steps steps(std::int64_t begin, std::int64_t end, LoaderOptions options) {
  Steps all;
  for (options.share.rank = 0; options.share.rank < options.share.world_size; ++options.share.rank) {
    const EpochPartition cut(begin, end, options);
    if (options.share.rank == 0) all.resize(static_cast<std::size_t>(cut.batches()));
    REQUIRE(cut.batches() == static_cast<std::int64_t>(all.size()));
    for (std::size_t k = 0; k < all.size(); ++k) {
      const auto step = static_cast<std::int64_t>(k);
      all[k].push_back({cut.first(step), cut.first(step) + cut.width(step)});
      if (k + 1 == all.size()) REQUIRE(cut.width(step) == cut.last_width());
    }
  }
  return all;
}

/// Checks that the ranks' parts of a step are contiguous from `begin`, not empty, and that their sizes decrease by at
/// most 1 in all. Returns their end.
std::int64_t end_of(const std::vector<Stretch>& step, std::int64_t begin) {
  const auto most = step.front().end - step.front().begin;
  auto last = most;
  for (const auto& [first, end] : step) {
    const auto width = end - first;
    REQUIRE((first == begin && width >= 1 && width <= last && width >= most - 1));
    last = width;
    begin = end;
  }
  return begin;
}

bool is_accepted(std::int64_t samples, const LoaderOptions& options) {
  try {
    hone::detail::check_options(samples, options);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

TEST_CASE("several ranks cut an epoch into the same steps as one rank with the same total batch size") {
  int cuts = 0;
  for (std::int64_t samples = 1; samples <= 40; ++samples) {
    for (int n = 1; n <= 5; ++n) {
      for (std::int64_t b = 1; b <= 9; ++b) {
        for (const bool drop_last : {false, true}) {
          CAPTURE(samples, n, b, drop_last);
          const LoaderOptions options{.batch_size = b, .drop_last = drop_last, .share = {0, n}};
          REQUIRE(is_accepted(samples, options) == (samples >= n && (!drop_last || n * b <= samples)));
          if (!is_accepted(samples, options)) continue;
          ++cuts;
          const auto whole = n * b;
          const auto left = samples % whole;
          std::vector<std::int64_t> ends;  // of the batches of one rank with the total batch size
          for (std::int64_t end = whole; end <= samples; end += whole) ends.push_back(end);
          if (left > 0 && !drop_last) {
            if (left < n) ends.pop_back();  // the rest joins the last full step
            ends.push_back(samples);
          }
          std::int64_t place = 0;
          std::vector<std::int64_t> found;
          for (const auto& step : steps(0, samples, options)) found.push_back(place = end_of(step, place));
          REQUIRE(found == ends);
        }
      }
    }
  }
  CHECK(cuts > 1000);
}

TEST_CASE("a remainder smaller than the number of ranks joins the last step, a larger one is another step") {
  const auto cut = [](std::int64_t samples) { return steps(0, samples, {.batch_size = 2, .share = {0, 3}}); };
  CHECK((cut(12) == Steps{{{0, 2}, {2, 4}, {4, 6}}, {{6, 8}, {8, 10}, {10, 12}}}));
  CHECK((cut(13) == Steps{{{0, 2}, {2, 4}, {4, 6}}, {{6, 9}, {9, 11}, {11, 13}}}));
  CHECK((cut(14) == Steps{{{0, 2}, {2, 4}, {4, 6}}, {{6, 9}, {9, 12}, {12, 14}}}));
  CHECK((cut(16) == Steps{{{0, 2}, {2, 4}, {4, 6}}, {{6, 8}, {8, 10}, {10, 12}}, {{12, 14}, {14, 15}, {15, 16}}}));
  CHECK((cut(4) == Steps{{{0, 2}, {2, 3}, {3, 4}}}));
  CHECK(cut(2).empty());
}

TEST_CASE("the rest of an epoch is cut like a separate epoch") {
  for (std::int64_t samples = 1; samples <= 24; ++samples) {
    for (int n = 1; n <= 4; ++n) {
      for (std::int64_t b = 1; b <= 4; ++b) {
        for (const bool drop_last : {false, true}) {
          const LoaderOptions options{.batch_size = b, .drop_last = drop_last, .share = {0, n}};
          const auto whole = steps(0, samples, options);
          for (std::int64_t begin = 0; begin <= samples; ++begin) {
            CAPTURE(samples, n, b, drop_last, begin);
            const auto rest = steps(begin, samples, options);
            auto place = begin;
            for (const auto& step : rest) place = end_of(step, place);
            const auto left = samples - begin;
            REQUIRE(place == begin + (drop_last ? left / (n * b) * n * b : left < n ? 0 : left));
            const auto passed = static_cast<std::size_t>(begin / (n * b));
            if (begin % (n * b) == 0 && passed < whole.size()) {  // the remaining steps of the whole epoch
              REQUIRE((rest == Steps(whole.begin() + static_cast<std::ptrdiff_t>(passed), whole.end())));
            }
          }
        }
      }
    }
  }
}

}  // namespace
