// expect: hone: a policy with `incompatible_with` needs `template <class... Policies> struct compatible_with` as a public member. Check its name, parameters and return type.
// SPDX-License-Identifier: Apache-2.0
/// `compatible_with` is a variable template, which is ignored.
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
  using slot = hone::slots::Threads;
#ifdef FIXED
  template <class... Policies>
  struct compatible_with : std::true_type {};
#else
  template <class... Policies>
  static constexpr bool fits = false;
#endif
  template <class... Policies>
  struct incompatible_with {};
};

static_assert(hone::checked_compatibility<Model, Loss, Optimizer, Own>);
