// expect: hone: the function passed to on<Event>(function) cannot be called with that event. Declare its parameter as `const auto& event`.
// SPDX-License-Identifier: Apache-2.0
/// `on<Event>` with a function that accepts another event.
#include "hone/callbacks/filters.hpp"

void tell_step(hone::Run& run) {
#ifdef FIXED
  hone::CallbackSet callbacks{hone::on<hone::TrainStepEnd>([](const hone::TrainStepEnd&) {})};
#else
  hone::CallbackSet callbacks{hone::on<hone::TrainStepEnd>([](const hone::TrainEpochEnd&) {})};
#endif
  callbacks.notify(hone::TrainStepEnd{{run}});
}
