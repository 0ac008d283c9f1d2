// SPDX-License-Identifier: Apache-2.0
/// The loss of an exported model, and the components that such a model can be combined with.
#pragma once

#include <type_traits>

#include "hone/core/overrides.hpp"
#include "hone/core/policy.hpp"
#include "hone/core/unwrap.hpp"
#include "hone/policies/distribution.hpp"
#include "hone/policies/memory_format.hpp"
#include "hone/policies/precision.hpp"

namespace hone {

namespace detail {

template <class Model>
concept BringsLoss = requires { requires UnwrapRef<Model>::brings_loss; };

}  // namespace detail

/// The loss argument of a trainer whose model is an `ExportedModel`, which contains its loss.
struct ExportedLoss {
  template <class Model>
  struct compatible_with {
    static constexpr bool value = detail::BringsLoss<Model>;
  };
  template <class Model>
  struct incompatible_with {
    static_assert(
        compatible_with<Model>::value,
        "hone: ExportedLoss is the loss of an ExportedModel, and this model is not an ExportedModel. Pass its loss.");
  };
};

namespace detail {

/// The restrictions of a model that computes loss and gradients in one compiled call.
struct ExportedRequirements {
  static constexpr bool brings_loss = true;

  template <class Loss, class... Others>
  struct compatible_with {
    static constexpr bool loss = std::is_same_v<Loss, ExportedLoss>;
    static constexpr bool precision = std::is_same_v<SelectPolicy<slots::Precision, Fp32, Others...>, Fp32>;
    static constexpr bool processes =
        std::is_same_v<SelectPolicy<slots::Distribution, SingleProcess, Others...>, SingleProcess>;
    static constexpr bool format =
        std::is_same_v<SelectPolicy<slots::MemoryFormat, ContiguousFormat, Others...>, ContiguousFormat>;
    static constexpr bool steps =
        !(false || ... || (overrides::names_train_batch_loss<Others> || overrides::names_backward<Others>));
    static constexpr bool value = loss && precision && processes && format && steps;
  };

  template <class Loss, class... Others>
  struct incompatible_with {
    using Fits = compatible_with<Loss, Others...>;
    static_assert(Fits::loss,
                  "hone: an ExportedModel contains its loss. Pass hone::ExportedLoss{} as the second argument.");
    static_assert(!Fits::loss || Fits::precision,
                  "hone: the precision of an ExportedModel is fixed at export. Remove the precision policy.");
    static_assert(!Fits::loss || !Fits::precision || Fits::processes,
                  "hone: an ExportedModel trains in a single process. Remove the distribution policy.");
    static_assert(!Fits::loss || !Fits::precision || !Fits::processes || Fits::format,
                  "hone: the memory format of an ExportedModel is fixed at export. Remove the memory format policy.");
    static_assert(!Fits::loss || !Fits::precision || !Fits::processes || !Fits::format || Fits::steps,
                  "hone: an ExportedModel computes loss and gradients in one call. Remove the override.");
  };
};

}  // namespace detail

}  // namespace hone
