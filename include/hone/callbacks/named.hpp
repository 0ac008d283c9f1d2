// SPDX-License-Identifier: Apache-2.0
/// Several callbacks of one type, told apart by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "hone/callbacks/callback_set.hpp"
#include "hone/core/serialize.hpp"
#include "hone/metrics/metric.hpp"

namespace hone {

/// The callback `C` under a name. It hears what `C` hears, and limits what `C` limits.
template <FixedString label, class C>
class NamedCallback {
  static_assert(checked_callback<C>);
  static_assert(!label.view().empty(),
                "hone: a callback was given an empty name. Write hone::named<\"name\">(callback).");

 public:
  using relay = void;
  static constexpr bool needs_run = NeedsRun<C>;
  using wrapped = C;
  template <class E>
  static constexpr bool relays = hone::hears<C, E>;

  NamedCallback() = default;
  explicit NamedCallback(C callback) : callback_(std::move(callback)) {}

  [[nodiscard]] static constexpr std::string_view name() { return label.view(); }

  template <class E>
  void tell(const E& event) {
    hone::tell(callback_, event);
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

  /// What is behind the name.
  [[nodiscard]] C& callback() { return callback_; }
  [[nodiscard]] const C& callback() const { return callback_; }

 private:
  [[no_unique_address]] C callback_;
};

/// Gives a callback a name, so that a trainer can have several of its type: `trainer.callbacks().get<"head">()` is the
/// callback itself. The name stands outside of filters.
///
/// **Cost** none. **Errors** at compile time, one sentence, for two callbacks of one name in a trainer, and for a name
/// that is not there.
/// **Example** `hone::named<"head">(hone::EarlyStopping{.watch_metric = "eval_head_epoch"})`
template <FixedString label, class C>
[[nodiscard]] NamedCallback<label, CallbackOf<C>> named(C callback) {
  return NamedCallback<label, CallbackOf<C>>{std::move(callback)};
}

namespace detail {

template <class C>
struct name_known_too_late {
  static_assert(sizeof(C) == 0,
                "hone: a callback's name stands among the template's arguments: hone::named<\"name\">(callback).");
};

}  // namespace detail

/// Refuses, in one sentence, a callback that was named as metrics are.
template <class C>
  requires(!Metric<C>)
[[nodiscard]] C named(std::string_view, C callback) {
  static_assert(sizeof(detail::name_known_too_late<C>) > 0);
  return callback;
}

}  // namespace hone
