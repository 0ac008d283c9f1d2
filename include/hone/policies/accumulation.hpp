// SPDX-License-Identifier: Apache-2.0
/// Batches to one optimizer update.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `GradAccum<1>` | the default: every batch is an update | none |
/// | `GradAccum<N>` | N is known when the program is compiled | none |
/// | `GradAccum{n}` | n comes from an option | none |
///
/// A window of N batches gives the mean of their gradients, so with equal batches the update is that of the N-fold batch.
/// A window never crosses epochs: the last one of an epoch may be short, and then it is the mean over its true length.
#pragma once

#include <cstdint>
#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/require.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// In place of a number: it is known at run time only.
inline constexpr std::int64_t dynamic = -1;

/// Says how many batches make an update, at least 1.
template <class P>
concept AccumulationPolicy = PolicyFor<P, slots::Accumulation> && requires(const P& accumulation) {
  { accumulation.num_batches_per_update() } -> std::convertible_to<std::int64_t>;
};

/// An accumulation policy of which the compiler knows that every batch is an update.
template <class P>
concept UpdatesEveryBatch = AccumulationPolicy<P> && requires { requires P::static_batches_per_update == 1; };

/// `Batches` batches to one update.
template <std::int64_t Batches>
struct GradAccum {
  static_assert(Batches >= 1, "hone: GradAccum needs at least 1 batch to an update, or hone::dynamic.");
  using slot = slots::Accumulation;
  static constexpr std::int64_t static_batches_per_update = Batches;
  [[nodiscard]] static constexpr std::int64_t num_batches_per_update() { return Batches; }
};

/// A number of batches to one update that is known at run time.
///
/// **Errors** `std::invalid_argument` when `num_batches` < 1.
template <>
struct GradAccum<dynamic> {
  using slot = slots::Accumulation;
  std::int64_t num_batches = 1;
  [[no_unique_address]] detail::Checked checked = check(num_batches);  ///< No setting.

  [[nodiscard]] std::int64_t num_batches_per_update() const { return num_batches; }

 private:
  static detail::Checked check(std::int64_t num_batches) {
    detail::require_at_least("GradAccum::num_batches", num_batches, 1);
    return {};
  }
};
/// `GradAccum{n}`, where `n` is known at run time.
GradAccum(std::int64_t) -> GradAccum<dynamic>;
static_assert(UpdatesEveryBatch<GradAccum<1>> && std::is_empty_v<GradAccum<4>>);
static_assert(AccumulationPolicy<GradAccum<dynamic>> && !UpdatesEveryBatch<GradAccum<dynamic>>);

namespace detail::accumulation_rules {

HONE_DEFINE_NAMES(static_batches_per_update);
HONE_POLICY_NEEDS(has_num_batches_per_update, "an accumulation policy", "std::int64_t num_batches_per_update() const",
                  AccumulationPolicy<P>);
HONE_POLICY_NEEDS(
    has_static_batches_per_update, "an accumulation policy with `static_batches_per_update`",
    "static constexpr std::int64_t static_batches_per_update", !names_static_batches_per_update<P> || requires {
      requires std::is_convertible_v<decltype(P::static_batches_per_update), std::int64_t>;
    });

}  // namespace detail::accumulation_rules

template <>
struct SlotRequirements<slots::Accumulation>
    : detail::Requirements<detail::accumulation_rules::has_num_batches_per_update,
                           detail::accumulation_rules::has_static_batches_per_update> {};

}  // namespace hone
