// SPDX-License-Identifier: Apache-2.0
/// Detection of changes that invalidate a captured step: in parameter addresses, in `requires_grad`, and in constants.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

namespace hone {

/// A snapshot of the state that a captured step depends on. A comparison without a difference does not allocate.
class CaptureKey {
 public:
  /// Stores the current state. Returns a description of a change since the previous call, empty without one.
  template <class Optimizer>
  std::string_view update(Optimizer& optimizer, bool is_training, std::int64_t num_batches) {
    std::string_view changed;
    const auto note = [&changed](auto& old, const auto& now, std::string_view what) {
      if (old == now) return;
      old = now;
      changed = what;
    };
    note(is_training_, is_training, "the model was switched between training and evaluation mode");
    note(num_batches_, num_batches, "the number of batches per update was changed");
    note(layout_version_, optimizer.layout_version(), "the optimizer's state was created or loaded");
    const auto parameters = optimizer.parameters();
    places_.resize(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      note(places_[i], place_of(parameters[i]), "a parameter was replaced, frozen or unfrozen");
    }
    std::size_t next = 0;
    for (const auto& group : optimizer.groups()) {
      std::apply(
          [&](const auto&... field) {
            (note(setting(next), number(group.settings, field), "a setting of the optimizer other than lr was changed"),
             ...);
          },
          group.settings.fields());
    }
    return changed;
  }

 private:
  struct Place {
    const void* tensor = nullptr;
    const void* data = nullptr;
    bool learns = false;
    bool operator==(const Place&) const = default;
  };
  static Place place_of(const at::Tensor& parameter) {
    return {parameter.unsafeGetTensorImpl(), parameter.storage().data(), parameter.requires_grad()};
  }

  double& setting(std::size_t& next) {
    if (next == settings_.size()) settings_.push_back(0.0);
    return settings_[next++];
  }
  template <class Settings, class Field>
  static double number(const Settings& settings, const Field& field) {
    return std::string_view(field.first) == "lr" ? 0.0 : static_cast<double>(settings.*field.second);
  }

  bool is_training_ = false;
  std::int64_t num_batches_ = 0;
  std::int64_t layout_version_ = -1;
  std::vector<Place> places_;
  std::vector<double> settings_;
};

}  // namespace hone
