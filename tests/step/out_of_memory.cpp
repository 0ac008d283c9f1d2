// SPDX-License-Identifier: Apache-2.0
#include "hone/step/out_of_memory.hpp"

#include <torch/torch.h>

#include <cstdint>
#include <exception>
#include <new>
#include <stdexcept>
#include <vector>

#include "hone/core/error.hpp"
#include "support/catch.hpp"
#include "support/models.hpp"

namespace {

template <class F>
bool runs_out(F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return hone::is_out_of_memory(error);
  }
  return false;
}

[[noreturn]] void run_out() { TORCH_CHECK_WITH(OutOfMemoryError, false, "the device is full"); }

}  // namespace

TEST_CASE("is_out_of_memory distinguishes out-of-memory errors from other errors, also if nested") {
  CHECK(runs_out(run_out));
  CHECK(runs_out([] { throw std::bad_alloc(); }));
  CHECK(runs_out([] {
    try {
      run_out();
    } catch (const std::exception&) {
      std::throw_with_nested(hone::DataError("The model cannot take inputs."));
    }
  }));
  CHECK_FALSE(runs_out([] { throw std::runtime_error("out of memory, says somebody"); }));
  CHECK_FALSE(runs_out([] { torch::zeros({2}).view({3}); }));
}

TEST_CASE("an allocation that is too large for any machine is an out-of-memory error") {
  CHECK(runs_out([] { torch::empty({std::int64_t{1} << 60}, torch::kByte); }));
}

TEST_CASE("with_smaller_batches halves the batch size until it fits") {
  std::vector<std::int64_t> tried;
  const auto fits_up_to = [&](std::int64_t most) {
    return [&tried, most](std::int64_t size) {
      tried.push_back(size);
      if (size > most) run_out();
      return 10 * size;
    };
  };
  CHECK(hone::with_smaller_batches(100, fits_up_to(30)) == 250);
  CHECK(tried == std::vector<std::int64_t>{100, 50, 25});
  tried.clear();
  CHECK(hone::with_smaller_batches(5, fits_up_to(1)) == 10);
  CHECK(tried == std::vector<std::int64_t>{5, 2, 1});
  hone::with_smaller_batches(3, [&](std::int64_t size) { tried.push_back(size); });  // returns nothing
  CHECK(tried.back() == 3);
}

TEST_CASE("with_smaller_batches throws if one sample does not fit, and rethrows other errors") {
  CHECK(tiny::message_of<std::runtime_error>([] { hone::with_smaller_batches(8, [](std::int64_t) { run_out(); }); }) ==
        "A batch of 1 sample does not fit into memory. Use a smaller model.");
  CHECK(runs_out([] { hone::with_smaller_batches(8, [](std::int64_t) { run_out(); }); }));  // nested
  CHECK_THROWS_AS(hone::with_smaller_batches(8, [](std::int64_t) { throw hone::DataError("no"); }), hone::DataError);
  CHECK(tiny::message_of<std::invalid_argument>([] { hone::with_smaller_batches(0, [](std::int64_t) {}); }) ==
        "The batch size is 0. Set it to 1 or greater.");
}
