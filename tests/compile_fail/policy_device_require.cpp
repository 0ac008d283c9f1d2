// expect: hone: a device policy with `require` needs `void require() const` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// An optional function that is not const.
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
  static auto& move(auto& batch) { return batch; }
#ifdef FIXED
  void require() const {}
#else
  void require() {}
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
