// SPDX-License-Identifier: Apache-2.0
/// Named callbacks, so that a trainer can have several callbacks of one type.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "hone/callbacks/callback_set.hpp"
#include "hone/core/serialize.hpp"
#include "hone/metrics/metric.hpp"

namespace hone {

/// A callback `C` under a name. It handles the events that `C` handles, and has the batch limit of `C`.
template <FixedString label, class C>
class NamedCallback {
  static_assert(checked_callback<C>);
  static_assert(!label.view().empty(), "hone: the name of a callback is empty. Write hone::named<\"name\">(callback).");

 public:
  using event_forwarder = void;
  static constexpr bool needs_run = NeedsRun<C>;
  using wrapped = C;
  template <class E>
  static constexpr bool forwards = hone::handles<C, E>;

  NamedCallback() = default;
  explicit NamedCallback(C callback) : callback_(std::move(callback)) {}  ///< Takes the callback to rename.

  [[nodiscard]] static constexpr std::string_view name() { return label.view(); }

  template <class E>
  void notify(const E& event) {
    hone::notify(callback_, event);
  }
  [[nodiscard]] std::optional<std::int64_t> batch_limit(Phase phase) const
    requires LimitsBatches<C>
  {
    return callback_.batch_limit(phase);
  }

  void serialize(auto& archive)
    requires RemembersState<C>
  {
    serialize_state(archive, "callback", callback_);
  }

  /// Returns the callback.
  [[nodiscard]] C& callback() { return callback_; }
  [[nodiscard]] const C& callback() const { return callback_; }

 private:
  [[no_unique_address]] C callback_;
};

/// Returns a callback under a name, so that a trainer can have several callbacks of one type:
/// `trainer.callbacks().get<"head">()` returns the callback. Filters go inside: `named<"head">(every<10>(callback))`.
///
/// **Cost** none. **Errors** at compile time, one message, for an empty name, for two callbacks with the same name in a
/// trainer, and for a `get` of an unknown name.
/// **Example** `hone::named<"head">(hone::EarlyStopping{.watch_metric = "eval_head_epoch"})`
template <FixedString label, class C>
[[nodiscard]] NamedCallback<label, CallbackOf<C>> named(C callback) {
  return NamedCallback<label, CallbackOf<C>>{std::move(callback)};
}

namespace detail {

template <class C>
struct name_known_too_late {
  static_assert(sizeof(C) == 0,
                "hone: the name of a callback is a template argument. Write hone::named<\"name\">(callback).");
};

}  // namespace detail

/// Fails to compile, with one message, for a callback whose name is a function argument, as for a metric.
template <class C>
  requires(!Metric<C>)
[[nodiscard]] C named(std::string_view, C callback) {
  static_assert(sizeof(detail::name_known_too_late<C>) > 0);
  return callback;
}

}  // namespace hone
