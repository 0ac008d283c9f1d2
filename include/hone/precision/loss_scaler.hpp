// SPDX-License-Identifier: Apache-2.0
/// Dynamic loss scaling for float16, in which small gradients underflow.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/full.h>
#include <ATen/ops/max.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hone/core/error.hpp"
#include "hone/core/finite.hpp"
#include "hone/core/format_message.hpp"
#include "hone/core/serialize.hpp"
#include "hone/optim/rule.hpp"
#include "hone/precision/async_scalar_read.hpp"

namespace hone {

/// The settings of a `LossScaler`. The defaults are PyTorch's; PyTorch does not have `max_skipped_in_a_row`.
///
/// **Units** init_scale: a factor on the loss; growth_factor: a factor on the scale after `growth_interval` consecutive
/// updates that were not skipped; backoff_factor: a factor on the scale after a skipped update; max_skipped_in_a_row:
/// updates, 0 for no limit.
/// **Errors** `check` throws `std::invalid_argument` for settings out of range.
struct LossScaling {
  double init_scale = 65536.0;
  double growth_factor = 2.0;
  double backoff_factor = 0.5;
  std::int64_t growth_interval = 2000;
  std::int64_t max_skipped_in_a_row = 100;

  void check() const {
    const auto require = [](bool is_right, std::string_view what, double value, const char* range) {
      if (!is_right) {
        throw std::invalid_argument(format_message("LossScaling::{} is {}. Set it to {}.", {what, value, range}));
      }
    };
    require(detail::is_finite(init_scale) && init_scale > 0.0 && init_scale <= largest, "init_scale", init_scale,
            "a finite float greater than 0");
    require(detail::is_finite(growth_factor) && growth_factor > 1.0 && growth_factor <= largest, "growth_factor",
            growth_factor, "a finite number greater than 1");
    require(detail::is_finite(backoff_factor) && backoff_factor > 0.0 && backoff_factor < 1.0, "backoff_factor",
            backoff_factor, "a number between 0 and 1");
    require(growth_interval >= 1 && growth_interval <= std::numeric_limits<std::int32_t>::max(), "growth_interval",
            static_cast<double>(growth_interval), "1 or greater");
    require(max_skipped_in_a_row >= 0, "max_skipped_in_a_row", static_cast<double>(max_skipped_in_a_row),
            "0 (no limit) or greater");
  }

 private:
  static constexpr double largest = std::numeric_limits<float>::max();
};

/// Scales losses, unscales gradients, and adjusts the scale: down if a gradient is not finite, up after a number of
/// updates with finite gradients. An update with a gradient that is not finite is skipped: neither weights nor the
/// optimizer's state change.
///
/// All operations run on the device, in tensors with fixed addresses, so that an update can be captured and replayed.
/// The host does not wait for the results, so its update counters, and thus schedules, include skipped updates.
///
/// **Cost** one multiplication of the loss; for each update, one pass over the gradients and five kernels on scalars.
/// No host synchronization, except at first updates of parameters by `Sgd` with dampening and by custom rules.
/// **Errors** `std::invalid_argument` for settings out of range.
/// **Source** `torch.amp.GradScaler`; P. Micikevicius et al., "Mixed Precision Training", 2018.
class LossScaler {
 public:
  /// Takes the settings. The state is created by `start`.
  explicit LossScaler(const LossScaling& settings = {}) : settings_(settings) { settings.check(); }

  /// Creates the scalars on the device. Must be called once, before all functions below.
  void start(c10::Device device) {
    const auto number = [&](double value, at::ScalarType type) {
      return at::full({}, value, at::TensorOptions(type).device(device));
    };
    scale_ = number(settings_.init_scale, at::kFloat);
    inv_scale_ = number(1.0 / settings_.init_scale, at::kFloat);
    found_inf_ = number(0.0, at::kFloat);
    growth_tracker_ = number(0.0, at::kInt);
    counts_ = at::zeros({2}, at::TensorOptions(at::kFloat).device(device));  // some devices do not support double
    skipped_ = counts_.select(0, 0);
    skipped_in_a_row_ = counts_.select(0, 1);
  }

  /// Returns the loss times the scale.
  [[nodiscard]] at::Tensor scale(const at::Tensor& loss) const { return at::mul(loss, scale_); }

  /// Divides gradients by the scale in place, and sets `found_inf()`. Must be called once per update.
  void unscale(at::TensorList gradients) {
    const at::NoGradGuard no_gradients;
    found_inf_.zero_();
    at::reciprocal_out(inv_scale_, scale_);
    at::_amp_foreach_non_finite_check_and_unscale_(gradients, found_inf_, inv_scale_);
  }

  /// Runs the optimizer's step, which has no effect if a gradient was not finite, and adjusts the scale.
  template <class Optimizer>
  void update(Optimizer& optimizer) {
    optimizer.step(StepScaling{.grad_scale = {}, .found_inf = found_inf_});
    move_scale(found_inf_);
  }
  /// Runs the step of one of several optimizers with separate gradients, without adjusting the scale. The step has no
  /// effect if a gradient of the last call of `unscale` was not finite.
  template <class Optimizer>
  void step(Optimizer& optimizer) {
    optimizer.step(StepScaling{.grad_scale = {}, .found_inf = found_inf_});
    const at::NoGradGuard no_gradients;
    found_inf_in_any_ = found_inf_in_any_.defined() ? at::max(found_inf_in_any_, found_inf_) : found_inf_.clone();
  }
  /// Adjusts the scale once after the calls of `step`: down if any of them was skipped. `GradScaler.update` of PyTorch.
  void update_scale() {
    if (found_inf_in_any_.defined()) move_scale(found_inf_in_any_);
    found_inf_in_any_ = at::Tensor();
  }

  /// Returns a float32 scalar on the device: 1 if a gradient of the last `unscale` was not finite, else 0.
  [[nodiscard]] const at::Tensor& found_inf() const { return found_inf_; }

  [[nodiscard]] const LossScaling& settings() const { return settings_; }
  /// Returns the current scale. Waits for the device.
  [[nodiscard]] double scale() const { return scale_.item<double>(); }
  /// Returns the number of skipped updates: in total, and since the last successful one. Waits for the device.
  [[nodiscard]] std::int64_t skipped() const { return static_cast<std::int64_t>(skipped_.item<double>()); }
  /// Returns the number since the last successful update. Waits for the device.
  [[nodiscard]] std::int64_t skipped_in_a_row() const {
    return static_cast<std::int64_t>(skipped_in_a_row_.item<double>());
  }

  /// Returns whether the limit `max_skipped_in_a_row` of consecutive skipped updates is reached. Does not wait for the
  /// device: except on the CPU, the result is about twenty calls old.
  [[nodiscard]] bool has_diverged() {
    return settings_.max_skipped_in_a_row > 0 &&
           reading_.value(skipped_in_a_row_) >= static_cast<float>(settings_.max_skipped_in_a_row);
  }
  /// Returns the stop reason for a run that `has_diverged()` ends.
  [[nodiscard]] std::string reason() const {
    return format_message(
        "{} consecutive updates were skipped because gradients were not finite at any loss scale; these updates did "
        "not change the weights. Check the data for NaN, lower the learning rate, or use Bf16",
        {settings_.max_skipped_in_a_row});
  }

  /// Serializes the state under the names of PyTorch's `GradScaler.state_dict()`. Waits for the device when saving.
  ///
  /// **Errors** `DataError` if a loaded state is invalid. The scaler is unchanged then.
  void serialize(auto& archive) {
    double scale = 0.0, skipped = 0.0, in_a_row = 0.0;
    std::int64_t growth_tracker = 0;
    LossScaling settings = settings_;
    if (!archive.is_loading) {
      scale = this->scale();
      growth_tracker = growth_tracker_.item<std::int64_t>();
      skipped = skipped_.item<double>();
      in_a_row = skipped_in_a_row_.item<double>();
    }
    archive("scale", scale);
    archive("growth_factor", settings.growth_factor);
    archive("backoff_factor", settings.backoff_factor);
    serialize_count(archive, "growth_interval", settings.growth_interval, 1);
    serialize_count(archive, "_growth_tracker", growth_tracker);
    archive("skipped", skipped);
    archive("skipped_in_a_row", in_a_row);
    if (!archive.is_loading) return;
    try {
      settings.check();
    } catch (const std::invalid_argument& error) {
      throw DataError(error.what());
    }
    if (!detail::is_finite(scale) || scale <= 0.0 || growth_tracker > settings.growth_interval ||
        !detail::is_finite(in_a_row) || !detail::is_finite(skipped) || in_a_row < 0.0 || in_a_row > skipped) {
      throw DataError(format_message(
          "The state of the loss scaler is invalid: scale {} after {} skipped updates. Load another file.",
          {scale, skipped}));
    }
    settings_ = settings;  // and in place, since a captured graph can refer to these tensors
    scale_.fill_(scale);
    growth_tracker_.fill_(growth_tracker);
    skipped_.fill_(skipped);
    skipped_in_a_row_.fill_(in_a_row);
    reading_ = AsyncScalarRead<>();
  }

 private:
  void move_scale(const at::Tensor& found_inf) {
    const at::NoGradGuard no_gradients;
    at::_amp_update_scale_(scale_, growth_tracker_, found_inf, settings_.growth_factor, settings_.backoff_factor,
                           settings_.growth_interval);
    counts_.add_(found_inf);
    skipped_in_a_row_.mul_(found_inf);
  }

  LossScaling settings_;
  at::Tensor found_inf_in_any_;
  at::Tensor scale_, inv_scale_, found_inf_, growth_tracker_;
  at::Tensor counts_, skipped_, skipped_in_a_row_;
  AsyncScalarRead<> reading_;
};

}  // namespace hone
