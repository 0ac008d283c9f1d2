// SPDX-License-Identifier: Apache-2.0
/// The number format of forward and loss.
///
/// | policy | use it | combinations that do not exist |
/// |---|---|---|
/// | `Fp32` | the default: tensors are computed with in the format they have | none |
#pragma once

#include <ATen/core/Tensor.h>

#include <type_traits>

#include "hone/core/policy.hpp"

namespace hone {

/// Chooses the number format of a step. What `region` returns lives over forward and loss; backward runs outside it.
template <class P>
concept PrecisionPolicy = PolicyFor<P, slots::Precision> && requires(const P& precision, c10::Device device) {
  precision.region(device);
};

/// Optional ability: the loss is scaled before backward and the gradients are unscaled once per update. `update` then does
/// the optimizer's step, or skips it on the device when a gradient overflowed, and moves the scale on.
template <class P>
concept ScalesLoss = PrecisionPolicy<P> && requires(P& precision, const at::Tensor& loss, at::TensorList gradients) {
  { precision.scale(loss) } -> std::convertible_to<at::Tensor>;
  precision.unscale(gradients);
};

/// Every operator computes in the format of its tensors, float32 unless the model says otherwise.
struct Fp32 {
  using slot = slots::Precision;
  [[nodiscard]] static NoScope region(c10::Device) { return {}; }
};
static_assert(PrecisionPolicy<Fp32> && !ScalesLoss<Fp32> && std::is_empty_v<Fp32>);

}  // namespace hone
