// SPDX-License-Identifier: Apache-2.0
/// What bounds the gradients before an update. Clipping happens once per update, on the gradients of the whole window,
/// reduced and unscaled.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `NoClip` | the default | none |
/// | `ClipNorm{.max_norm = 1.0}` | the norm over all gradients is at most 1 | none |
/// | `ClipValue{.clip_value = 0.5}` | every element is in [-0.5, 0.5] | none |
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <concepts>
#include <limits>
#include <type_traits>
#include <vector>

#include "hone/core/finite.hpp"
#include "hone/core/policy.hpp"
#include "hone/core/require.hpp"
#include "hone/core/slot_requirements.hpp"

namespace hone {

/// Bounds gradients in place. What it returns reaches `on_before_optimizer_step` as `event.clipped`; a policy that
/// returns something is also called with an empty list when no parameter has a gradient.
template <class P>
concept ClipPolicy = PolicyFor<P, slots::Clipping> &&
                     requires(const P& clipping, at::TensorList gradients) { clipping.clip(gradients); };

/// Optional ability: bounds gradients of which each process has a part, perhaps an empty one, as if all were here.
/// `of_each(number)` makes a tensor with the number of every process from the one that is this process's; collective.
template <class P>
concept ClipsShards =
    ClipPolicy<P> && requires(const P& clipping, at::TensorList gradients, at::Tensor (*of_each)(const at::Tensor&)) {
      { clipping.clip(gradients, of_each) } -> std::same_as<at::Tensor>;
    };
/// Optional ability: bounds gradients by what the device knows, whatever the host could read, so that it can be recorded.
template <class P>
concept ClipsUnread =
    ClipPolicy<P> && requires(const P& clipping, at::TensorList gradients) { clipping.clip_unread(gradients); };
/// Says of itself that it looks at each element alone, so that a part of the gradients may be clipped by itself.
template <class P>
concept ClipsElements = ClipPolicy<P> && requires { requires P::is_elementwise; };

/// Gradients are used as they are.
struct NoClip {
  using slot = slots::Clipping;
};

/// Scales all gradients by max_norm / (norm + 1e-6) when their common norm is larger than `max_norm`. With an infinite
/// `max_norm` it measures the norm and leaves every gradient as it is.
///
/// **Units** max_norm: of a gradient, above 0; norm_type: the p of the p-norm, above 0, infinity for the largest
/// element. The norm of no elements is 0.
/// **Cost** one norm per tensor, one over them, one multiplication per tensor; none where the host can read that the
/// norm is small enough, and no wait for the device where it cannot. Returns the norm before clipping, a tensor without
/// dimensions on the device of the gradients.
/// **Errors** `std::invalid_argument` for values out of range.
/// **Source** `torch.nn.utils.clip_grad_norm_`, which makes every gradient NaN when both `max_norm` and the norm are
/// infinite, and refuses the infinity norm of parameters without elements; R. Pascanu et al., "On the difficulty of
/// training recurrent neural networks", 2013, algorithm 1.
struct ClipNorm {
  using slot = slots::Clipping;
  detail::Required<double> max_norm;
  double norm_type = 2.0;
  [[no_unique_address]] detail::Checked checked = check(max_norm, norm_type);  ///< No setting.

  at::Tensor clip(at::TensorList gradients) const {
    const auto norm = norm_over(gradients);
    if (detail::is_infinite(double{max_norm}) || gradients.empty()) return norm;
    if (norm.is_cpu() && norm.scalar_type() == at::kFloat) {
      const auto most = static_cast<float>(std::min<double>(max_norm, std::numeric_limits<float>::max()));
      const float factor = most / (*static_cast<const float*>(norm.const_data_ptr()) + 1e-6F);
      if (detail::is_nan(factor) || factor < 1.0F) at::_foreach_mul_(gradients, factor);
    } else {
      scale(gradients, norm);
    }
    return norm;
  }
  /// The same, see `ClipsUnread`.
  at::Tensor clip_unread(at::TensorList gradients) const {
    const auto norm = norm_over(gradients);
    if (!detail::is_infinite(double{max_norm}) && !gradients.empty()) scale(gradients, norm);
    return norm;
  }
  /// The same for gradients of which each process has a part; see `ClipsShards`. The norm is float64.
  template <class OfEach>
  at::Tensor clip(at::TensorList gradients, OfEach&& of_each) const {
    const auto own = gradients.empty() ? at::zeros({}, at::kDouble) : norm_over(gradients);
    const at::Tensor norm = at::linalg_vector_norm(of_each(own), norm_type);
    if (gradients.empty() || detail::is_infinite(double{max_norm})) return norm;
    if (norm.is_cpu()) {
      const double factor = max_norm / (norm.item<double>() + 1e-6);
      if (detail::is_nan(factor) || factor < 1.0) at::_foreach_mul_(gradients, factor);
    } else {
      scale(gradients, norm);
    }
    return norm;
  }

 private:
  static detail::Checked check(double max_norm, double norm_type) {
    detail::require_setting(!detail::is_nan(max_norm) && max_norm > 0.0, "ClipNorm::max_norm", max_norm,
                            "Give a number above 0.");
    detail::require_setting(!detail::is_nan(norm_type) && norm_type > 0.0, "ClipNorm::norm_type", norm_type,
                            "Give a number above 0, infinity for the largest element.");
    return {};
  }
  [[nodiscard]] at::Tensor norm_over(at::TensorList gradients) const {
    if (gradients.empty()) [[unlikely]]
      return at::zeros({});
    if (detail::is_infinite(norm_type)) {  // LibTorch has no largest element of an empty tensor
      const auto is_empty = [](const at::Tensor& gradient) { return gradient.numel() == 0; };
      if (std::any_of(gradients.begin(), gradients.end(), is_empty)) [[unlikely]] {
        auto filled = gradients.vec();
        std::erase_if(filled, is_empty);
        return filled.empty() ? gradients.front().new_zeros({}) : norm_over(filled);
      }
    }
    return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, norm_type)), norm_type);
  }
  void scale(at::TensorList gradients, const at::Tensor& norm) const {
    at::_foreach_mul_(gradients, (double{max_norm} / (norm + 1e-6)).clamp_max_(1.0));
  }
};

/// Clamps every element of every gradient to [-clip_value, clip_value].
///
/// **Units** clip_value: of a gradient, above 0.
/// **Errors** `std::invalid_argument` when clip_value is not above 0.
/// **Source** `torch.nn.utils.clip_grad_value_`.
struct ClipValue {
  using slot = slots::Clipping;
  static constexpr bool is_elementwise = true;
  detail::Required<double> clip_value;
  [[no_unique_address]] detail::Checked checked = check(clip_value);  ///< No setting.

  void clip(at::TensorList gradients) const {
    at::_foreach_clamp_min_(gradients, -double{clip_value});
    at::_foreach_clamp_max_(gradients, double{clip_value});
  }

 private:
  static detail::Checked check(double clip_value) {
    detail::require_setting(!detail::is_nan(clip_value) && clip_value > 0.0, "ClipValue::clip_value", clip_value,
                            "Give a number above 0.");
    return {};
  }
};
static_assert(!ClipPolicy<NoClip> && std::is_empty_v<NoClip> && ClipsShards<ClipNorm> && ClipsElements<ClipValue>);

namespace detail::clipping_rules {

HONE_DEFINE_NAMES(clip_unread);
HONE_DEFINE_NAMES(is_elementwise);
HONE_POLICY_NEEDS(has_clip, "a clipping policy", "clip(at::TensorList gradients) const",
                  ClipPolicy<P> || std::same_as<P, NoClip>);
HONE_POLICY_NEEDS(has_clip_unread, "a clipping policy with `clip_unread`",
                  "clip_unread(at::TensorList gradients) const", !names_clip_unread<P> || ClipsUnread<P>);
HONE_POLICY_NEEDS(
    has_is_elementwise, "a clipping policy with `is_elementwise`", "static constexpr bool is_elementwise",
    !names_is_elementwise<P> || requires { std::bool_constant<P::is_elementwise>{}; });

}  // namespace detail::clipping_rules

/// `NoClip` has no `clip`, so that the step collects no gradients for it.
template <>
struct SlotRequirements<slots::Clipping>
    : detail::Requirements<detail::clipping_rules::has_clip, detail::clipping_rules::has_clip_unread,
                           detail::clipping_rules::has_is_elementwise> {};

}  // namespace hone
