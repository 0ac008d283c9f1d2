// SPDX-License-Identifier: Apache-2.0
#include "hone/data/loader_options.hpp"

#include <string>

#include "support/catch.hpp"

namespace {

using Options = hone::LoaderOptions;
using hone::detail::check_options;

template <class Error>
std::string refusal(std::int64_t samples, const Options& options) {
  try {
    check_options(samples, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no such error";
}

TEST_CASE("check_options throws for options that leave no batch") {
  CHECK_NOTHROW(check_options(1, {.batch_size = 1}));
  CHECK_NOTHROW(check_options(5, {.batch_size = 5, .drop_last = true}));
  CHECK_THROWS_AS(check_options(0, {.batch_size = 5}), hone::DataError);
  CHECK_THROWS_AS(check_options(10, {.batch_size = 0}), std::invalid_argument);
  CHECK_THROWS_AS(check_options(10, {.batch_size = -1}), std::invalid_argument);
  CHECK_NOTHROW(check_options(10, {.batch_size = 11}));
  CHECK_THROWS_AS(check_options(10, {.batch_size = 11, .drop_last = true}), std::invalid_argument);
}

TEST_CASE("with drop_last, check_options requires one batch for all ranks") {
  CHECK_NOTHROW(check_options(10, {.batch_size = 5, .share = {2, 3}}));
  CHECK_NOTHROW(check_options(10, {.batch_size = 3, .drop_last = true, .share = {2, 3}}));
  CHECK(refusal<std::invalid_argument>(10, {.batch_size = 4, .drop_last = true, .share = {2, 3}}) ==
        "batch_size is 4 in each of 3 processes, but the dataset has only 10 samples, so drop_last would leave no "
        "batch. Set batch_size to at most 3, or remove drop_last.");
  CHECK(refusal<hone::DataError>(2, {.batch_size = 1, .share = {0, 3}}) ==
        "The dataset has 2 samples for 3 processes. Pass at least one sample for each process, or train with fewer "
        "processes.");
  CHECK_NOTHROW(check_options(3, {.batch_size = 1, .share = {0, 3}}));
}

TEST_CASE("check_options throws for a rank outside the world size") {
  for (const hone::DataShard share : {hone::DataShard{0, 0}, {-1, 2}, {2, 2}}) {
    CHECK_THROWS_AS(check_options(10, {.batch_size = 1, .share = share}), std::invalid_argument);
    CHECK_THROWS_AS(hone::fitting_batch_size(10, 1, share), std::invalid_argument);
  }
  CHECK(refusal<std::invalid_argument>(10, {.share = {3, 2}}) ==
        "LoaderOptions::share has rank 3 and world_size 2. Set world_size to 1 or greater, and rank to a number from 0 "
        "to world_size - 1.");
}

TEST_CASE("fitting_batch_size limits the batch size to the samples of each rank") {
  CHECK(hone::detail::fitted(10, {.batch_size = 64}).batch_size == 10);
  CHECK(hone::detail::fitted(10, {.batch_size = 64, .share = {2, 3}}).batch_size == 4);
  CHECK(hone::detail::fitted(10, {.batch_size = 3, .drop_last = true}).batch_size == 3);
  CHECK(hone::fitting_batch_size(10, 8, {}) == 8);
  CHECK(hone::fitting_batch_size(5, 8, {}) == 5);
  CHECK(hone::fitting_batch_size(0, 8, {}) == 1);
  CHECK(hone::fitting_batch_size(16, 8, {0, 2}) == 8);
  CHECK(hone::fitting_batch_size(15, 8, {0, 2}) == 8);
  CHECK(hone::fitting_batch_size(14, 8, {0, 2}) == 7);
  for (std::int64_t samples = 3; samples < 40; ++samples) {
    check_options(samples, {.batch_size = hone::fitting_batch_size(samples, 8, {0, 3}), .share = {0, 3}});
  }
}

}  // namespace
