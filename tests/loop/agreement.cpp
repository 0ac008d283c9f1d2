// SPDX-License-Identifier: Apache-2.0
#include "hone/loop/agreement.hpp"

#include <torch/torch.h>

#include "support/catch.hpp"

namespace {

/// Two processes, of which the other says `other`.
struct Two {
  using slot = hone::slots::Distribution;
  double other = 0.0;
  static int rank() { return 0; }
  static int world_size() { return 2; }
  void all_reduce_sum(torch::Tensor values) const { values += other; }
};
static_assert(hone::SumsOverProcesses<Two>);

TEST_CASE("what one process finds true holds for all") {
  hone::SingleProcess alone;
  CHECK(hone::is_true_anywhere(alone, true));
  CHECK(!hone::is_true_anywhere(alone, false));
  Two silent{0.0}, loud{1.0};
  CHECK(hone::is_true_anywhere(silent, true));
  CHECK(!hone::is_true_anywhere(silent, false));
  CHECK(hone::is_true_anywhere(loud, false));
}

}  // namespace
