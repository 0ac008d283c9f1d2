// SPDX-License-Identifier: Apache-2.0
/// Callbacks that the caller keeps: `std::ref(callback)` or a `std::shared_ptr` in place of a value.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hone/callbacks/spelling.hpp"
#include "hone/core/sentence.hpp"

namespace hone {

template <class C, class E>
void tell(C& callback, const E& event);
template <class C>
[[nodiscard]] constexpr std::string_view callback_name();

/// A callback `C` that lives outside of the trainer: its hooks are called on the caller's object, so the caller reads
/// its results after the run. Made from `std::ref(callback)`, whose object must outlive the trainer, or from a
/// `std::shared_ptr<C>`, which the trainer shares. It is in every respect the callback `C`: it replaces a default of
/// that type, `callbacks().get<C>()` finds it, and its state is kept under the name of `C`.
///
/// **Cost** one indirection for each event that `C` hears; nothing for the others.
/// **Errors** `std::invalid_argument` for a null pointer; at compile time, one message, when `C` has no hooks.
/// **Example**
/// ```
/// Counts counts;
/// auto trainer = hone::Trainer{model, loss, hone::Sgd{.lr = 0.1}, std::ref(counts)};
/// ```
template <class C>
class CallbackReference {
  static_assert(checked_callback<C>);

 public:
  using relay = void;
  using wrapped = std::remove_const_t<C>;
  static constexpr bool needs_run = NeedsRun<C>;
  template <class E>
  static constexpr bool relays = hone::hears<C, E>;

  CallbackReference(std::reference_wrapper<C> callback)  // NOLINT: implicit, stands for the callback
      : callback_(std::shared_ptr<void>(), &callback.get()) {}
  CallbackReference(std::shared_ptr<C> callback) : callback_(std::move(callback)) {  // NOLINT: likewise
    if (callback_) return;
    throw std::invalid_argument(
        sentence("The std::shared_ptr to the callback {} is null. Give one that points to a callback.", {name()}));
  }

  [[nodiscard]] static constexpr std::string_view name() { return callback_name<wrapped>(); }

  template <class E>
  void tell(const E& event) {
    hone::tell(*callback_, event);
  }
  [[nodiscard]] std::optional<std::int64_t> batch_limit(Phase phase) const
    requires LimitsBatches<C>
  {
    return callback_->batch_limit(phase);
  }
  /// Its state is that of the callback.
  [[nodiscard]] C& serialized() const
    requires(!std::is_const_v<C>)
  {
    return *callback_;
  }

  /// The caller's callback.
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

/// The callback that a value stands for: itself, or a `CallbackReference` for `std::ref(callback)` and
/// `std::shared_ptr`.
template <class A>
using CallbackOf = typename detail::CallbackOf<A>::type;

}  // namespace hone
