// expect: hone: a metric must be copyable and have `==`, `merge(other)`, `reset()`, `double value() const` and `name() const`. One of these metrics does not.
// SPDX-License-Identifier: Apache-2.0
/// A metric without a value.
#include <string_view>

#include "hone/callbacks/metrics.hpp"

struct Own {
  static std::string_view name() { return "own"; }
  void merge(const Own&) {}
  void reset() {}
  bool operator==(const Own&) const = default;
#ifdef FIXED
  double value() const { return 0.0; }
#endif
};

static_assert(sizeof(hone::Metrics<Own>) > 0);
