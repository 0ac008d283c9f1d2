// expect: hone: Nccl needs a Cuda device. This trainer's device is Cpu.
// SPDX-License-Identifier: Apache-2.0
/// A policy with a specific message for the policies that it does not fit.
#include "hone/callbacks/callback_set.hpp"
#include "hone/core/compatibility.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};

struct Cpu {
  using slot = hone::slots::Device;
};
struct Cuda {
  using slot = hone::slots::Device;
};
struct Nccl {
  using slot = hone::slots::Distribution;
  template <class... Policies>
  struct compatible_with {
    static constexpr bool value = std::is_same_v<hone::SelectPolicy<hone::slots::Device, Cpu, Policies...>, Cuda>;
  };
  template <class... Policies>
  struct incompatible_with {
    static_assert(compatible_with<Policies...>::value, "hone: Nccl needs a Cuda device. This trainer's device is Cpu.");
  };
};

#ifdef FIXED
static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Nccl, Cuda>);
#else
static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Nccl>);
#endif
