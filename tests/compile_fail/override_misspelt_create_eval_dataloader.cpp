// expect: hone: unknown override `val_dataloader`. Did you mean `create_eval_dataloader`?
// SPDX-License-Identifier: Apache-2.0
/// A near miss of an override's name, beside a correct override.
#include "hone/core/compatibility.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  void backward(auto&, auto&) {}
#ifdef FIXED
  auto& create_eval_dataloader(auto&, auto& dataset, const auto&) { return dataset; }
#else
  auto& val_dataloader(auto&, auto& dataset, const auto&) { return dataset; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
