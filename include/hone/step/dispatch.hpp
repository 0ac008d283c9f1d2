// SPDX-License-Identifier: Apache-2.0
/// Calls from the loop to user code: events for callbacks, and overrides in place of the trainer's functions.
#pragma once

#include <type_traits>
#include <utility>

#include "hone/callbacks/events.hpp"
#include "hone/core/overrides.hpp"
#include "hone/step/traits.hpp"

namespace hone::detail {

/// Provides access to the private state of a trainer, as its only friend.
struct Internals {
  template <class Trainer>
  static auto& of(Trainer& trainer) {
    return trainer.state_;
  }
};
template <class Trainer>
[[nodiscard]] auto& internals(Trainer& trainer) {
  return Internals::of(trainer);
}

/// True if a handler in `Callbacks` accepts the event `E` with these facets.
template <class Callbacks, class Trainer, class E, class... Facets>
inline constexpr bool is_handled = Callbacks::template forwards<EventContext<E, WithTrainer<Trainer>, Facets...>>;

/// Calls the handlers in `callbacks` for an event, extended by the trainer and `facets`. Without a handler, compiles to
/// nothing.
template <class Trainer, class Callbacks, class E, class... Facets>
void dispatch_to(Trainer& trainer, Callbacks& callbacks, const E& event, const Facets&... facets) {
  if constexpr (is_handled<Callbacks, Trainer, E, Facets...>) {
    if (!internals(trainer).is_silent) [[likely]]
      callbacks.notify(EventContext<E, WithTrainer<Trainer>, Facets...>{event, {trainer}, facets...});
  }
}
/// Dispatches an event to the trainer's callbacks.
template <class Trainer, class E, class... Facets>
void dispatch(Trainer& trainer, const E& event, const Facets&... facets) {
  dispatch_to(trainer, internals(trainer).parts.callbacks, event, facets...);
}

/// True if the trainer has the override `Point` for these arguments.
template <class Point, class Trainer, class... Args>
inline constexpr bool is_overridden = has_override<Point, typename TraitsOf<Trainer>::Overrides, Trainer, Args...>;

/// True, or a compile-time error if the trainer has the override `Point` in a form that cannot be called.
template <class Point, class Trainer, class... Args>
inline constexpr bool is_callable_override =
    checked_override<Point, typename TraitsOf<Trainer>::Overrides, Trainer, Args...>;

/// Calls the override `Point`. Precondition: the trainer has it.
template <class Point, class Trainer, class... Args>
decltype(auto) call_override(Trainer& trainer, Args&... args) {
  return Point::call(internals(trainer).parts.overrides, trainer, args...);
}
/// Calls the override `Point` if there is one, else `standard`.
template <class Point, class Trainer, class Standard, class... Args>
decltype(auto) override_or(Trainer& trainer, Standard&& standard, Args&... args) {
  static_assert(is_callable_override<Point, Trainer, Args...>);
  if constexpr (is_overridden<Point, Trainer, Args...>) {
    return call_override<Point>(trainer, args...);
  } else {
    return standard(args...);
  }
}
/// Calls the override `Point` if there is one.
template <class Point, class Trainer>
void call_if_overridden(Trainer& trainer) {
  static_assert(is_callable_override<Point, Trainer>);
  if constexpr (is_overridden<Point, Trainer>) call_override<Point>(trainer);
}

}  // namespace hone::detail
