// expect: hone: a device policy needs `template <class Batch> auto& move(Batch& batch) const` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// The function has another name.
#include "hone/core/compatibility.hpp"
#include "hone/policies/device.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::Device;
  static c10::Device device() { return c10::Device{c10::kCPU}; }
#ifdef FIXED
  static auto& move(auto& batch) { return batch; }
#else
  static auto& to(auto& batch) { return batch; }
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
