// SPDX-License-Identifier: Apache-2.0
/// Policies for gradient clipping. The gradients of the whole accumulation window are clipped once per update, after
/// all-reduce and unscaling.
///
/// | policy | use | incompatible with |
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

/// A policy that clips gradients in place. `event.clipped` of `on_before_optimizer_step` is the return value of `clip`.
/// A policy that returns a value is also called, with an empty list, when no parameter has a gradient. With `Zero`,
/// both apply to `ClipsShards` policies only.
template <class P>
concept ClipPolicy = PolicyFor<P, slots::Clipping> &&
                     requires(const P& clipping, at::TensorList gradients) { clipping.clip(gradients); };

/// Optional: clips sharded gradients, of which each rank has a part that may be empty, as if all were local. The
/// collective `of_each(number)` returns a tensor with the number of each rank, given the number of this rank.
template <class P>
concept ClipsShards =
    ClipPolicy<P> && requires(const P& clipping, at::TensorList gradients, at::Tensor (*of_each)(const at::Tensor&)) {
      { clipping.clip(gradients, of_each) } -> std::same_as<at::Tensor>;
    };
/// Optional: clips without host synchronization, so that clipping can be captured in a CUDA graph.
template <class P>
concept ClipsWithoutSync =
    ClipPolicy<P> && requires(const P& clipping, at::TensorList gradients) { clipping.clip_without_sync(gradients); };
/// Optional: clips each element independently, so that each rank can clip its shard of the gradients.
template <class P>
concept ClipsElements = ClipPolicy<P> && requires { requires P::is_elementwise; };

/// Leaves gradients unchanged.
struct NoClip {
  using slot = slots::Clipping;
};

/// Scales all gradients by min(1, max_norm / (norm + 1e-6)), where norm is the norm of all gradients together. With an
/// infinite `max_norm`, measures the norm and leaves the gradients unchanged. Returns the norm before clipping, a
/// 0-dimensional tensor on the device of the gradients (on the CPU if there are none).
///
/// **Units** max_norm: of a gradient, above 0; norm_type: the p of the p-norm, above 0, infinity for the largest
/// magnitude of an element. The norm of no elements is 0.
/// **Cost** one norm per tensor, one norm over these, one multiplication per tensor. The multiplications are skipped if
/// the factor is 1 and the norm is on the CPU and either float32 or over shards. The host reads no norm on a GPU.
/// **Errors** `std::invalid_argument` for values out of range.
/// **Source** `torch.nn.utils.clip_grad_norm_`, which makes every gradient NaN when both `max_norm` and the norm are
/// infinite, and throws for the infinity norm of parameters without elements; R. Pascanu et al., "On the difficulty of
/// training recurrent neural networks", 2013, algorithm 1.
struct ClipNorm {
  using slot = slots::Clipping;
  detail::Required<double> max_norm;
  double norm_type = 2.0;
  [[no_unique_address]] detail::Checked checked = check(max_norm, norm_type);  ///< Not a setting.

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
  /// Clips without host synchronization; see `ClipsWithoutSync`.
  at::Tensor clip_without_sync(at::TensorList gradients) const {
    const auto norm = norm_over(gradients);
    if (!detail::is_infinite(double{max_norm}) && !gradients.empty()) scale(gradients, norm);
    return norm;
  }
  /// Clips sharded gradients; see `ClipsShards`. The norm has the dtype of the tensor that `of_each` returns.
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
                            "Set it to a number greater than 0.");
    detail::require_setting(!detail::is_nan(norm_type) && norm_type > 0.0, "ClipNorm::norm_type", norm_type,
                            "Set it to a number greater than 0, or to infinity for the maximum norm.");
    return {};
  }
  [[nodiscard]] at::Tensor norm_over(at::TensorList gradients) const {
    if (gradients.empty()) [[unlikely]]
      return at::zeros({});
    if (detail::is_infinite(norm_type)) {  // LibTorch throws for the infinity norm of an empty tensor
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
/// **Errors** `std::invalid_argument` unless clip_value is above 0.
/// **Source** `torch.nn.utils.clip_grad_value_`.
struct ClipValue {
  using slot = slots::Clipping;
  static constexpr bool is_elementwise = true;
  detail::Required<double> clip_value;
  [[no_unique_address]] detail::Checked checked = check(clip_value);  ///< Not a setting.

  void clip(at::TensorList gradients) const {
    at::_foreach_clamp_min_(gradients, -double{clip_value});
    at::_foreach_clamp_max_(gradients, double{clip_value});
  }

 private:
  static detail::Checked check(double clip_value) {
    detail::require_setting(!detail::is_nan(clip_value) && clip_value > 0.0, "ClipValue::clip_value", clip_value,
                            "Set it to a number greater than 0.");
    return {};
  }
};
static_assert(!ClipPolicy<NoClip> && std::is_empty_v<NoClip> && ClipsShards<ClipNorm> && ClipsElements<ClipValue>);

namespace detail::clipping_rules {

HONE_DEFINE_NAMES(clip_without_sync);
HONE_DEFINE_NAMES(is_elementwise);
HONE_POLICY_NEEDS(has_clip, "a clipping policy", "clip(at::TensorList gradients) const",
                  ClipPolicy<P> || std::same_as<P, NoClip>);
HONE_POLICY_NEEDS(has_clip_unread, "a clipping policy with `clip_without_sync`",
                  "clip_without_sync(at::TensorList gradients) const",
                  !names_clip_without_sync<P> || ClipsWithoutSync<P>);
HONE_POLICY_NEEDS(
    has_is_elementwise, "a clipping policy with `is_elementwise`", "static constexpr bool is_elementwise",
    !names_is_elementwise<P> || requires { std::bool_constant<P::is_elementwise>{}; });

}  // namespace detail::clipping_rules

/// `NoClip` has no `clip`, so that the step does not collect gradients for it.
template <>
struct SlotRequirements<slots::Clipping>
    : detail::Requirements<detail::clipping_rules::has_clip, detail::clipping_rules::has_clip_unread,
                           detail::clipping_rules::has_is_elementwise> {};

}  // namespace hone
