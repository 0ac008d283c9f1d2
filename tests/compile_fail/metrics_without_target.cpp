// expect: hone: Metrics requires a batch with one target. Make the batch a pair, a tuple or a struct with a member `target`, or specialize hone::BatchParts for it, with `inputs(batch)` and `target(batch)`.
// SPDX-License-Identifier: Apache-2.0
/// A batch with two targets.
#include <boost/hana.hpp>
#include <string>
#include <vector>

#include "hone/callbacks/metrics.hpp"

struct Tensor {
  long numel() const { return 0; }
  std::vector<long> sizes() const { return {}; }
};
struct Batch {
#ifdef FIXED
  BOOST_HANA_DEFINE_STRUCT(Batch, (Tensor, x), (Tensor, coarse), (Tensor, label));
#else
  BOOST_HANA_DEFINE_STRUCT(Batch, (Tensor, x), (Tensor, target), (Tensor, label));
#endif
};
struct Output {
  Tensor outputs;
};
struct Event {
  Batch batch;
  Output output;
};
struct Nothing {
  void reset() {}
  void update(const Tensor&, const Tensor&) {}
};

void update(hone::detail::Watch<Nothing>& watch, const Event& event) { watch.update(event); }
