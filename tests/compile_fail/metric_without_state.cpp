// expect: hone: this metric cannot be saved in a training state. Add `void serialize(auto& archive)`, a member `state` with one, or `sums()` and `add(sums)`.
// SPDX-License-Identifier: Apache-2.0
/// A metric whose samples a resumed run would lose.
#include <string_view>

#include "hone/callbacks/callback_set.hpp"
#include "hone/callbacks/metrics.hpp"

struct Largest {
  double largest = 0.0;
  static std::string_view name() { return "largest"; }
  double value() const { return largest; }
  void merge(const Largest& other) { largest += other.largest; }
  void reset() { largest = 0.0; }
  bool operator==(const Largest&) const = default;
#ifdef FIXED
  void serialize(auto& archive) { archive("largest", largest); }
#endif
};

struct Archive {
  static constexpr bool is_loading = false;
  void operator()(std::string_view, auto& value) {
    if constexpr (requires { value.serialize(*this); }) value.serialize(*this);
  }
};

void save(hone::CallbackSet<hone::Metrics<Largest>>& callbacks, Archive& archive) { callbacks.serialize(archive); }
