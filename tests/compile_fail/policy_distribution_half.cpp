// expect: hone: a distribution policy that reduces gradients needs `void require_agreement(std::string_view what, std::string_view text, std::string_view remedy)` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// One function is missing.
#include "hone/core/compatibility.hpp"
#include "hone/policies/distribution.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Distribution;
  int rank() const { return 0; }
  int world_size() const { return 2; }
  void all_reduce_sum(const at::Tensor&) {}
  void start(auto&) {}
  void before_forward(bool) {}
  void backward(const at::Tensor&, bool, const auto&) {}
  void average_gradients() {}
  void begin_all_reduce_sum(std::span<const double>) {}
  std::span<const double> end_all_reduce_sum() { return {}; }
  void broadcast_buffers() {}
  std::vector<at::Tensor> all_gather(const at::Tensor&) { return {}; }
  std::vector<std::string> all_gather_strings(std::string_view) { return {}; }
  void fail(std::string_view) {}
#ifdef FIXED
  void require_agreement(std::string_view, std::string_view, std::string_view) {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
