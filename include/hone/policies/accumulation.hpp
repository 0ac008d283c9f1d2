// SPDX-License-Identifier: Apache-2.0
/// Policies for gradient accumulation: the number of batches per optimizer update.
///
/// | policy | use | incompatible with |
/// |---|---|---|
/// | `GradAccum<1>` | the default: one update per batch | none |
/// | `GradAccum<N>` | N is known at compile time | none |
/// | `GradAccum{n}` | n is known at run time | none |
///
/// An update uses the mean of the gradients of a window of N batches. If the batches are equally large, the update is
/// the same as with one batch of all their samples. A window does not cross epochs: the last window of an epoch may be
/// short, and its mean is over its actual length.
#pragma once

#include <cstdint>
#include <type_traits>

#include "hone/core/policy.hpp"
#include "hone/core/require.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// A placeholder for a number that is known at run time only.
inline constexpr std::int64_t dynamic = -1;

/// A policy that returns the number of batches per update, at least 1.
template <class P>
concept AccumulationPolicy = PolicyFor<P, slots::Accumulation> && requires(const P& accumulation) {
  { accumulation.num_batches_per_update() } -> std::convertible_to<std::int64_t>;
};

/// An accumulation policy with one update per batch, known at compile time.
template <class P>
concept UpdatesEveryBatch = AccumulationPolicy<P> && requires { requires P::static_batches_per_update == 1; };

/// Accumulates the gradients of `Batches` batches for each update.
template <std::int64_t Batches>
struct GradAccum {
  static_assert(Batches >= 1, "hone: GradAccum needs at least 1 batch per update, or hone::dynamic.");
  using slot = slots::Accumulation;
  static constexpr std::int64_t static_batches_per_update = Batches;
  [[nodiscard]] static constexpr std::int64_t num_batches_per_update() { return Batches; }
};

/// Accumulates the gradients of a number of batches that is known at run time.
///
/// **Errors** `std::invalid_argument` when `num_batches` < 1.
template <>
struct GradAccum<dynamic> {
  using slot = slots::Accumulation;
  std::int64_t num_batches = 1;
  [[no_unique_address]] detail::Checked checked = check(num_batches);  ///< Not a setting.

  [[nodiscard]] std::int64_t num_batches_per_update() const { return num_batches; }

 private:
  static detail::Checked check(std::int64_t num_batches) {
    detail::require_at_least("GradAccum::num_batches", num_batches, 1);
    return {};
  }
};
/// Deduces `GradAccum{n}` as `GradAccum<dynamic>`.
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
