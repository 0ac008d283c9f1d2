// expect: hone: rank_zero requires an event with a member `run`. Derive the event from hone::Event.
// SPDX-License-Identifier: Apache-2.0
/// `rank_zero` with a custom event that is not derived from `hone::Event`.
#include "hone/callbacks/filters.hpp"

#ifdef FIXED
struct Knock : hone::Event {};
#else
struct Knock {
  hone::Run* process;
};
#endif

void tell_knock([[maybe_unused]] hone::Run& run) {
  hone::CallbackSet callbacks{hone::rank_zero(hone::on<Knock>([](const Knock&) {}))};
#ifdef FIXED
  callbacks.notify(Knock{{run}});
#else
  callbacks.notify(Knock{&run});
#endif
}
