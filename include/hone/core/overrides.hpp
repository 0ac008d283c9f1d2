// SPDX-License-Identifier: Apache-2.0
/// Overrides: member functions of a struct that replace functions of the training loop. The struct needs no base class;
/// the trainer calls its own function for each one that is missing. An override receives the trainer as its first
/// argument and can call the trainer's function of the same name, if there is one.
///
/// One table generates the detection, the call, and the compile-time error for an override that cannot be called.
#pragma once

#include <type_traits>

#include "hone/core/fault.hpp"
#include "hone/core/member_detection.hpp"

// clang-format off
/// X(name, arguments as a user writes them)
#define HONE_OVERRIDES(X)                                       \
  X(create_train_dataloader, "(trainer, dataset, options)")     \
  X(create_eval_dataloader, "(trainer, dataset, options)")      \
  X(train_batch_loss, "(trainer, batch)")                       \
  X(eval_batch_loss, "(trainer, batch)")                        \
  X(predict_batch, "(trainer, batch)")                          \
  X(backward, "(trainer, loss)")                                \
  X(optimizer_step, "(trainer)")                                \
  X(scheduler_step, "(trainer)")                                \
  X(zero_grad, "(trainer)")                                     \
  X(training_run_start, "(trainer)")                            \
  X(train_epoch_start, "(trainer)")                             \
  X(train_epoch_end, "(trainer)")                               \
  X(eval_epoch_start, "(trainer)")                              \
  X(eval_epoch_end, "(trainer)")                                \
  X(training_run_epoch_end, "(trainer)")                        \
  X(training_run_end, "(trainer)")                              \
  X(evaluation_run_start, "(trainer)")                          \
  X(evaluation_run_end, "(trainer)")
// clang-format on

namespace hone {

/// The type of a trainer's overrides when none are given.
struct NoOverrides {};

namespace overrides {

#define HONE_DEFINE_OVERRIDE(name, arguments)                                                                     \
  HONE_DEFINE_NAMES(name);                                                                                        \
  struct name {                                                                                                   \
    template <class O>                                                                                            \
    static constexpr bool named = names_##name<O>;                                                                \
    template <class O, class... Args>                                                                             \
    static constexpr bool callable = requires(O& own, Args&... args) { own.name(args...); };                      \
    template <class O, class... Args>                                                                             \
    static decltype(auto) call(O& own, Args&... args) {                                                           \
      return own.name(args...);                                                                                   \
    }                                                                                                             \
    template <class O, class... Args>                                                                             \
    struct incompatible_with {                                                                                    \
      static_assert(sizeof(O) == 0, "hone: the override `" #name "` cannot be called as `" #name arguments "`."); \
    };                                                                                                            \
  };
HONE_OVERRIDES(HONE_DEFINE_OVERRIDE)
#undef HONE_DEFINE_OVERRIDE

}  // namespace overrides

namespace detail {

template <class Point, class O, class... Args>
consteval auto fault_of_override() {
  if constexpr (Point::template named<O> && !Point::template callable<O, Args...>) {
    return std::type_identity<typename Point::template incompatible_with<O, Args...>>{};
  } else {
    return std::type_identity<NoFault>{};
  }
}

}  // namespace detail

/// True if `O` has the override `Point`, one of `hone::overrides`, and it can be called with `Args`, the trainer first.
template <class Point, class O, class... Args>
inline constexpr bool has_override = Point::template named<O> && Point::template callable<O, Args...>;

/// True; a compile-time error with one message if `O` has the override but it cannot be called with `Args`.
template <class Point, class O, class... Args>
inline constexpr bool checked_override =
    detail::without_fault<decltype(detail::fault_of_override<Point, O, Args...>())>;

/// A type that has at least one member with the name of an override.
template <class O>
concept Overriding = requires {
#define HONE_OR_NAMES(name, arguments) || overrides::names_##name<O>
  requires(false HONE_OVERRIDES(HONE_OR_NAMES));
#undef HONE_OR_NAMES
};

}  // namespace hone
