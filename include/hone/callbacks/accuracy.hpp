// SPDX-License-Identifier: Apache-2.0
/// How often a classifier is right.
#pragma once

#include <fmt/format.h>

#include <any>
#include <boost/hana.hpp>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/callbacks/events.hpp"
#include "hone/core/error.hpp"

namespace hone {

namespace detail {

/// A tensor, as far as classes are concerned. Which type of tensor is none of this room's business.
template <class T>
concept HoldsClasses = requires(const T& tensor) {
  tensor.numel();
  tensor.sizes();
};

/// The last of `members` that is a tensor.
template <class... Members>
const auto& last_tensor(const Members&... members) {
  constexpr std::size_t index = [] {
    constexpr bool is_tensor[] = {HoldsClasses<Members>...};
    std::size_t i = sizeof...(Members);
    while (i > 0 && !is_tensor[i - 1]) --i;
    return i - 1;
  }();
  static_assert(index < sizeof...(Members), "hone: the batch has no tensor that could be the target.");
  return std::get<index>(std::tie(members...));
}

/// The target of a batch: its member `target`, or the last tensor of a pair, a tuple or a struct adapted with Hana.
template <class Batch>
const auto& target_of(const Batch& batch) {
  if constexpr (requires { batch.target; }) {
    return batch.target;
  } else if constexpr (boost::hana::Struct<Batch>::value) {
    return boost::hana::unpack(boost::hana::accessors<Batch>(), [&batch](auto... accessors) -> const auto& {
      return last_tensor(boost::hana::second(accessors)(batch)...);
    });
  } else if constexpr (requires { std::tuple_size<Batch>::value; }) {
    return std::apply([](const auto&... members) -> const auto& { return last_tensor(members...); }, batch);
  } else {
    static_assert(sizeof(Batch) == 0,
                  "hone: Accuracy finds no target in this batch. Make it a pair, a tuple, a struct with a member "
                  "`target`, or adapt the struct with Boost.Hana.");
  }
}

}  // namespace detail

/// Records the share of targets that the model's largest output names: `eval_accuracy_epoch` for the evaluation between
/// epochs of training, `evaluation_accuracy` for a run of `evaluate`. Each process counts its own samples.
///
/// **Shapes** outputs `[batch, classes, ...]`, targets `[batch, ...]` of class numbers.
/// **Cost** per batch an argmax, a comparison and a sum where the outputs are; the host reads the sum once per epoch.
/// **Errors** `DataError` for targets of another shape.
struct Accuracy {
  /// What the evaluation at hand has seen. `correct` is a tensor that stays on its device until `read` fetches it.
  struct State {
    std::any correct{};
    double (*read)(const std::any& correct) = nullptr;
    std::int64_t total = 0;
  };
  State state{};

  void on_eval_epoch_start(const EvalEpochStart&) { state = {}; }

  void on_eval_step_end(const auto& event) {
    const auto& target = detail::target_of(event.batch);
    const auto predicted = event.output.outputs.argmax(1);
    if (predicted.sizes() != target.sizes()) reject_shapes(predicted.sizes(), target.sizes());
    auto correct = predicted.eq(target).sum();
    state.total += static_cast<std::int64_t>(target.numel());
    using Count = decltype(correct);
    if (auto* const sum = std::any_cast<Count>(&state.correct)) {
      sum->add_(correct);
    } else {
      state.correct = std::move(correct);
      state.read = [](const std::any& count) { return std::any_cast<const Count&>(count).template item<double>(); };
    }
  }

  void on_eval_epoch_end(const EvalEpochEnd& event) {
    if (state.total == 0) return;
    const auto phase = event.run.phase();
    event.run.history().record(phase == Phase::eval ? "eval_accuracy_epoch" : "evaluation_accuracy",
                               state.read(state.correct) / static_cast<double>(state.total), phase);
    state = {};
  }

 private:
  [[noreturn]] static void reject_shapes(const auto& predicted, const auto& target) {
    const auto listed = [](const auto& sizes) {
      std::string list;
      for (const auto size : sizes) list += (list.empty() ? "" : ", ") + std::to_string(size);
      return list;
    };
    throw DataError(
        fmt::format("Accuracy compares predicted classes of shape [{}] with targets of shape [{}]. Give targets that "
                    "are class numbers, one to each prediction.",
                    listed(predicted), listed(target)));
  }
};

}  // namespace hone
