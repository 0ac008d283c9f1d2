// expect: hone: a policy with `misfit` needs `template <class... Policies> struct fits`, and this one has no such public member. Check its name, parameters and return type.
// SPDX-License-Identifier: Apache-2.0
/// `fits` is a variable template, which is ignored.
#include "hone/core/composition.hpp"

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
  struct fits : std::true_type {};
#else
  template <class... Policies>
  static constexpr bool fits = false;
#endif
  template <class... Policies>
  struct misfit {};
};

static_assert(hone::checked_composition<Model, Loss, Optimizer, Own>);
