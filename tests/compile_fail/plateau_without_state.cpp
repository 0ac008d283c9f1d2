// expect: hone: the member `state` of this plateau cannot be saved in a training state. Add `void serialize(auto& archive)` to its type.
// SPDX-License-Identifier: Apache-2.0
/// A count of bad values that a resumed run would lose.
#include <string_view>

#include "hone/callbacks/callback_set.hpp"
#include "hone/callbacks/reduce_lr_on_plateau.hpp"

struct Own {
  struct State {
    int num_bad = 0;
#ifdef FIXED
    void serialize(auto& archive) { archive("num_bad", num_bad); }
#endif
  };
  State state{};
  bool observe(double) { return ++state.num_bad == 3; }
  double reduced(double lr) const { return lr / 2; }
  void check() const {}
};

struct Archive {
  static constexpr bool is_loading = false;
  void operator()(std::string_view, auto& value) {
    if constexpr (requires { value.serialize(*this); }) value.serialize(*this);
  }
};

void save(hone::CallbackSet<hone::ReduceLrOnPlateau<Own>>& callbacks, Archive& archive) {
  callbacks.serialize(archive);
}
