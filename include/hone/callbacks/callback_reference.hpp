// SPDX-License-Identifier: Apache-2.0
/// Callbacks that the caller owns: `std::ref(callback)` or a `std::shared_ptr` in place of a value.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hone/callbacks/callback_check.hpp"
#include "hone/core/format_message.hpp"

namespace hone {

template <class C, class E>
void notify(C& callback, const E& event);
template <class C>
[[nodiscard]] constexpr std::string_view callback_name();

/// A reference to a callback `C` outside the trainer. Hooks are called on the caller's object, so the caller can read
/// its results after the run. Constructed from `std::ref(callback)`, whose object must outlive the trainer, or from a
/// `std::shared_ptr<C>`, whose ownership the trainer shares. It replaces a default callback of type `C`,
/// `callbacks().get<C>()` returns the caller's object, and the state of a `C` that is not const is saved under the name
/// of `C`.
///
/// **Cost** one indirection for each event that `C` handles; none for other events.
/// **Errors** `std::invalid_argument` for a null pointer; at compile time, one message, when `C` is not a callback (see
/// `checked_callback`).
/// **Example**
/// ```
/// Counts counts;
/// auto trainer = hone::Trainer{model, loss, hone::Sgd{.lr = 0.1}, std::ref(counts)};
/// ```
template <class C>
class CallbackReference {
  static_assert(checked_callback<C>);

 public:
  using event_forwarder = void;
  using wrapped = std::remove_const_t<C>;
  static constexpr bool needs_run = NeedsRun<C>;
  template <class E>
  static constexpr bool forwards = hone::handles<C, E>;

  /// Refers to an object that the caller keeps alive, or shares its ownership.
  CallbackReference(std::reference_wrapper<C> callback)  // NOLINT: implicit, stands for the callback
      : callback_(std::shared_ptr<void>(), &callback.get()) {}
  CallbackReference(std::shared_ptr<C> callback) : callback_(std::move(callback)) {  // NOLINT: likewise
    if (callback_) return;
    throw std::invalid_argument(format_message(
        "The std::shared_ptr to the callback {} is null. Pass one that points to a callback.", {name()}));
  }

  [[nodiscard]] static constexpr std::string_view name() { return callback_name<wrapped>(); }

  template <class E>
  void notify(const E& event) {
    hone::notify(*callback_, event);
  }
  [[nodiscard]] std::optional<std::int64_t> batch_limit(Phase phase) const
    requires LimitsBatches<C>
  {
    return callback_->batch_limit(phase);
  }
  /// Returns the object whose state is saved in place of the reference.
  [[nodiscard]] C& serialized() const
    requires(!std::is_const_v<C>)
  {
    return *callback_;
  }

  /// Returns the caller's callback.
  [[nodiscard]] C& callback() const { return *callback_; }

 private:
  std::shared_ptr<C> callback_;
};

namespace detail {

template <class A>
struct CallbackOf {
  using type = A;
};
template <class C>
struct CallbackOf<std::reference_wrapper<C>> {
  using type = CallbackReference<C>;
};
template <class C>
struct CallbackOf<std::shared_ptr<C>> {
  using type = CallbackReference<C>;
};

}  // namespace detail

/// The callback type for an argument of type `A`: `CallbackReference` for `std::ref(callback)` and `std::shared_ptr`,
/// otherwise `A`.
template <class A>
using CallbackOf = typename detail::CallbackOf<A>::type;

}  // namespace hone
