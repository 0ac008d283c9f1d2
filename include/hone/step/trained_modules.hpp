// SPDX-License-Identifier: Apache-2.0
/// The model and the loss as one module, because a loss may have parameters and buffers too.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include "hone/core/unwrap.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/step/model.hpp"

namespace hone {

/// A loss that may have trainable parameters: a module, its holder, or a smart pointer or `std::ref` to one.
template <class Loss>
concept LossModule = requires(const UnwrapRef<Loss>& loss) {
  loss.named_parameters();
  loss.buffers();
  loss.modules();
};

/// The modules that a trainer trains: the model, and the loss if it is a module. The parameters of the loss come last,
/// with names that begin with `loss_function.`. A parameter of both counts as the model's.
template <class Model, class Loss>
struct TrainedModules {
  Model& model;
  Loss& loss;

  [[nodiscard]] NamedParameters named_parameters() const {
    auto all = hone::named_parameters(unwrap(model));
    if constexpr (LossModule<Loss>) {
      const auto of_model = all.size();
      for (auto& parameter : hone::named_parameters(unwrap(loss), "loss_function.")) {
        const auto is_same = [&](const NamedParameter& known) { return known.value.is_same(parameter.value); };
        if (std::none_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(of_model), is_same)) {
          all.push_back(std::move(parameter));
        }
      }
    }
    return all;
  }

  [[nodiscard]] std::vector<at::Tensor> buffers() const {
    auto all = buffers_of(model);
    if constexpr (LossModule<Loss>) {
      for (auto& buffer : buffers_of(loss)) all.push_back(std::move(buffer));
    }
    return all;
  }

  /// Returns the modules inside the model and inside the loss, without these two.
  [[nodiscard]] auto modules(bool /*include_self*/ = false) const
    requires requires { unwrap(model).modules(false); }
  {
    auto all = unwrap(model).modules(/*include_self=*/false);
    if constexpr (LossModule<Loss>) {
      for (auto& module : unwrap(loss).modules(/*include_self=*/false)) all.push_back(std::move(module));
    }
    return all;
  }
};

}  // namespace hone
