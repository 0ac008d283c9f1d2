// expect: hone: this metric has no `update` that accepts the model's outputs and the batch's target.
// SPDX-License-Identifier: Apache-2.0
/// A metric whose `update` does not accept the model's outputs.
#include <tuple>
#include <vector>

#include "hone/callbacks/metrics.hpp"

struct Tensor {
  long numel() const { return 0; }
  std::vector<long> sizes() const { return {}; }
};
struct Image {};
struct Output {
#ifdef FIXED
  Image outputs;
#else
  Tensor outputs;
#endif
};
struct Event {
  std::tuple<Tensor, Tensor> batch;
  Output output;
};
struct OfImages {
  void reset() {}
  void update(const Image&, const Tensor&) {}
};

void update(hone::detail::Watch<OfImages>& watch, const Event& event) { watch.update(event); }
