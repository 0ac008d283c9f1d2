// SPDX-License-Identifier: Apache-2.0
/// Overrides: a struct with steps of the loop of its own takes their place. There is nothing to derive from; what it
/// lacks is the trainer's own step. Each override gets the trainer first and may call the trainer's step by its name.
///
/// One table makes the detection, the call and the sentence that a user reads when an override cannot be called.
#pragma once

#include <type_traits>

#include "hone/core/fault.hpp"
#include "hone/core/names.hpp"

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

/// Nothing is overridden.
struct NoOverrides {};

namespace overrides {

#define HONE_DEFINE_OVERRIDE(name, arguments)                                                                  \
  HONE_DEFINE_NAMES(name);                                                                                     \
  struct name {                                                                                                \
    template <class O>                                                                                         \
    static constexpr bool named = names_##name<O>;                                                             \
    template <class O, class... Args>                                                                          \
    static constexpr bool callable = requires(O& own, Args&... args) { own.name(args...); };                   \
    template <class O, class... Args>                                                                          \
    static decltype(auto) call(O& own, Args&... args) {                                                        \
      return own.name(args...);                                                                                \
    }                                                                                                          \
    template <class O, class... Args>                                                                          \
    struct misfit {                                                                                            \
      static_assert(sizeof(O) == 0,                                                                            \
                    "hone: the override `" #name "` is there but cannot be called as `" #name arguments "`."); \
    };                                                                                                         \
  };
HONE_OVERRIDES(HONE_DEFINE_OVERRIDE)
#undef HONE_DEFINE_OVERRIDE

}  // namespace overrides

namespace detail {

template <class Point, class O, class... Args>
consteval auto fault_of_override() {
  if constexpr (Point::template named<O> && !Point::template callable<O, Args...>) {
    return std::type_identity<typename Point::template misfit<O, Args...>>{};
  } else {
    return std::type_identity<NoFault>{};
  }
}

}  // namespace detail

/// True when `O` has the override `Point`, one of `hone::overrides`, callable with `Args`, the trainer first.
template <class Point, class O, class... Args>
inline constexpr bool has_override = Point::template named<O> && Point::template callable<O, Args...>;

/// True, or a compile-time error with one sentence when `O` has the override in a form that cannot be called.
template <class Point, class O, class... Args>
inline constexpr bool checked_override =
    detail::without_fault<decltype(detail::fault_of_override<Point, O, Args...>())>;

/// A type that has at least one override.
template <class O>
concept Overriding = requires {
#define HONE_OR_NAMES(name, arguments) || overrides::names_##name<O>
  requires(false HONE_OVERRIDES(HONE_OR_NAMES));
#undef HONE_OR_NAMES
};

}  // namespace hone
