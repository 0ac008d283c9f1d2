// expect: hone: a memory format policy needs `static constexpr std::int64_t num_dims` as a public member. Check its name, parameters and return type.
// needs: torch
// SPDX-License-Identifier: Apache-2.0
/// One of two constants is missing.
#include "hone/core/compatibility.hpp"
#include "hone/policies/memory_format.hpp"

struct Model {
  int forward(int inputs) { return inputs; }
};
struct Loss {};
struct Optimizer {
  void step() {}
  void zero_grad() {}
};
struct Own {
  using slot = hone::slots::MemoryFormat;
  static constexpr at::MemoryFormat format = at::MemoryFormat::ChannelsLast;
#ifdef FIXED
  static constexpr std::int64_t num_dims = 4;
#endif
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
