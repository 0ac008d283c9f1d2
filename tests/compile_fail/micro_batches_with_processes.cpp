// expect: hone: MicroBatches splits batches according to the memory of one process, and processes that all-reduce gradients must split them in the same way. Use smaller batches and GradAccum, or one process.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// MicroBatches with several ranks, of which only one may run out of memory.
#include "hone/core/compatibility.hpp"
#include "hone/memory/micro_batches.hpp"
#include "hone/optim/sgd.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Processes {
  using slot = hone::slots::Distribution;
  int rank() const { return 0; }
  int world_size() const { return 2; }
#ifndef FIXED
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
  void require_agreement(std::string_view, std::string_view, std::string_view) {}
  void fail(std::string_view) {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, hone::Sgd, Processes, hone::MicroBatches>);
