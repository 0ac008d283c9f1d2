// expect: hone: Metrics requires a member `outputs` in the result of the override of the loss step.
// SPDX-License-Identifier: Apache-2.0
/// A loss step whose result has no `outputs`.
#include <tuple>
#include <vector>

#include "hone/callbacks/metrics.hpp"

struct Tensor {
  long numel() const { return 0; }
  std::vector<long> sizes() const { return {}; }
};
struct Output {
  Tensor loss;
#ifdef FIXED
  Tensor outputs;
#endif
};
struct Event {
  std::tuple<Tensor, Tensor> batch;
  Output output;
};
struct Nothing {
  void reset() {}
  void update(const Tensor&, const Tensor&) {}
};

void update(hone::detail::Watch<Nothing>& watch, const Event& event) { watch.update(event); }
