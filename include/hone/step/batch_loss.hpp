// SPDX-License-Identifier: Apache-2.0
/// Forward and loss of one batch, and the error messages for a batch, a model and a loss that do not fit together.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "hone/core/error.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/batch.hpp"
#include "hone/optim/parameter_group.hpp"
#include "hone/step/device_errors.hpp"
#include "hone/step/elementwise_loss.hpp"
#include "hone/step/model.hpp"
#include "hone/step/no_loss.hpp"
#include "hone/step/out_of_memory.hpp"

namespace hone {

/// The result of a loss step. A custom loss step may return any type with `loss` and `batch_size`. It may add
/// `num_items`, the number of items, such as tokens, that the loss is the mean over. The number of items is then the
/// weight of the batch in an accumulation window and in the mean loss of an epoch.
template <class Outputs>
struct BatchOutput {
  at::Tensor loss;          ///< One element: the mean over the batch.
  Outputs outputs;          ///< The result of the model.
  std::int64_t batch_size;  ///< Number of samples.
};

/// Returns the weight of a batch in the mean loss of an epoch: `num_items` if there is one, else `batch_size`.
///
/// **Errors** `DataError` for `num_items` below 1.
[[nodiscard]] std::int64_t items_in(const auto& output) {
  if constexpr (requires { output.num_items; }) {
    if (output.num_items < 1) {
      throw DataError(format_message(
          "num_items is {}, but a loss is the mean over at least 1 item. Skip empty batches.", {output.num_items}));
    }
    return output.num_items;
  } else {
    return output.batch_size;
  }
}

/// Returns the weight of a batch in an accumulation window: `num_items` if there is one, else 1.
[[nodiscard]] double weight_of(const auto& output) {
  if constexpr (requires { output.num_items; }) {
    return static_cast<double>(output.num_items);
  } else {
    return 1.0;
  }
}

namespace detail {

template <class Batch>
struct batch_without_target {
  static_assert(
      sizeof(Batch) == 0,
      "hone: this batch has no inputs and target: it needs two members that contain tensors. Convert its numbers with "
      "torch::tensor, adapt a struct with BOOST_HANA_ADAPT_STRUCT, or write the override `train_batch_loss(trainer, "
      "batch)`.");
};
template <class Model, class Batch>
struct forward_with_other_arguments {
  static_assert(sizeof(Model) == 0, "hone: the model has `forward`, but it cannot be called with a batch's inputs.");
};

/// Returns the dtype and shape of each tensor in `parts`, such as `Float [32, 784] and Long [32]`.
template <class... Parts>
std::string shapes(const Parts&... parts) {
  std::string text;
  const auto append = [&text](const at::Tensor& tensor) {
    if (!text.empty()) text += " and ";
    text += format_message("{} [", {tensor.defined() ? c10::toString(tensor.scalar_type()) : "undefined"});
    for (std::int64_t i = 0; tensor.defined() && i < tensor.dim(); ++i) {
      text += format_message("{}{}", {i > 0 ? ", " : "", tensor.size(i)});
    }
    text += "]";
  };
  (for_each_tensor(parts, append), ...);
  return text;
}

/// Returns the text without trailing spaces and line breaks, and with punctuation at its end.
inline std::string sentence_of(std::string text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.pop_back();
  if (!text.empty() && text.back() != '.' && text.back() != '!' && text.back() != '?') text += '.';
  return text;
}

/// Returns the first line of LibTorch's error message, without the backtrace.
inline std::string message_of(const c10::Error& error) {
  return sentence_of(std::string(first_line(error.what_without_backtrace())));
}

/// Returns the dtype of the model's first floating point parameter; `Undefined` if it has none.
template <class Model>
at::ScalarType format_of(const Model& model) {
  for (const auto& [name, parameter] : named_parameters(model)) {
    if (parameter.is_floating_point()) return parameter.scalar_type();
  }
  return at::ScalarType::Undefined;
}

/// Returns the remedy for tensors whose dtype is not `format`, that is, not the model's; empty if none is needed.
template <class... Parts>
std::string format_remedy(at::ScalarType format, const char* what, const Parts&... parts) {
  std::string remedy;
  const auto look_at = [&](const at::Tensor& tensor) {
    if (!remedy.empty() || !tensor.defined() || format == at::ScalarType::Undefined) return;
    const auto type = tensor.scalar_type();
    if (tensor.is_floating_point() && type != format) {
      remedy = format_message("The {} are {} and the model is {}: convert them with .to(torch::k{}){}",
                              {what, c10::toString(type), c10::toString(format), c10::toString(format),
                               type == at::kDouble ? ", or train in double with the policy hone::Fp64." : "."});
    } else if (type == at::kByte) {
      remedy = format_message(
          "The {} are Byte, as images are stored, and the model is {}: convert them with .to(torch::k{}), and "
          "divide by 255.",
          {what, c10::toString(format), c10::toString(format)});
    }
  };
  (for_each_tensor(parts, look_at), ...);
  return remedy;
}

/// Returns the remedy for a target whose dtype is wrong according to LibTorch's message `what`, else an empty string.
template <class Target>
std::string target_remedy(const Target& target, const std::string& what) {
  bool is_number = false;
  for_each_tensor(target,
                  [&](const at::Tensor& tensor) { is_number = tensor.defined() && tensor.scalar_type() != at::kLong; });
  if (is_number && what.find("type Long") != std::string::npos) {
    return "Class labels are int64: convert the target with .to(torch::kLong).";
  }
  return {};
}

/// Returns the last line of an error of the TorchScript interpreter. The lines before it are a stack trace.
inline std::string last_line(const std::runtime_error& error) {
  std::string text = error.what();
  while (text.ends_with('\n')) text.pop_back();
  return sentence_of(text.substr(text.rfind('\n') + 1));
}

[[noreturn, gnu::noinline]] inline void refuse_shapes(const at::Tensor& outputs, const at::Tensor& target) {
  throw DataError(
      format_message("The loss is elementwise, but the model's output {} and the target {} have different shapes and "
                     "would be broadcast. Give both the same shape, for example with target.unsqueeze(1).",
                     {shapes(outputs), shapes(target)}));
}

/// Throws a `DataError` about the inputs, with the current exception nested in it.
template <class Model, class... Inputs>
[[noreturn]] void refuse_inputs(const Model& model, const std::string& what, const Inputs&... inputs) {
  const std::string remedy = format_remedy(format_of(model), "inputs", inputs...);
  std::throw_with_nested(DataError(
      format_message("The model cannot process the inputs {}: {} {}",
                     {shapes(inputs...), what, remedy.empty() ? "Pass inputs that its layers accept." : remedy})));
}

}  // namespace detail

/// Calls the model. Unpacks the tensor that a `torch::jit::Module` returns.
///
/// **Errors** `DataError` with the dtypes and shapes of the inputs, and with LibTorch's error nested in it. Rethrows
/// out-of-memory and device errors.
template <class Model, class... Inputs>
  requires ForwardableWith<Model, Inputs...>
auto forward(Model& model, Inputs&... inputs) {
  auto& target = unwrap(model);
  try {
    if constexpr (requires { target.forward(inputs...); }) {
      return target.forward(inputs...);
    } else {
      return target.forward({inputs...}).toTensor();
    }
  } catch (const c10::Error& error) {
    if (is_out_of_memory(error) || is_device_error(error)) throw;
    detail::refuse_inputs(unwrap(model), detail::message_of(error), inputs...);
  } catch (const std::runtime_error& error) {
    if constexpr (detail::Scripted<UnwrapRef<Model>>) {
      detail::refuse_inputs(unwrap(model), detail::last_line(error),
                            inputs...);  // the interpreter converts LibTorch's errors
    }
    throw;
  }
}

/// Calls the loss. **Errors** as for `forward`, with outputs and target instead of inputs; also if an elementwise loss
/// of LibTorch would broadcast the two (see `is_elementwise_loss`).
template <class Loss, class Outputs, class Target>
at::Tensor loss_or_explain(Loss& loss, const Outputs& outputs, Target& target) {
  try {
    if constexpr (is_elementwise_loss<std::remove_cvref_t<UnwrapRef<Loss>>> && std::is_same_v<Outputs, at::Tensor> &&
                  std::is_same_v<std::remove_const_t<Target>, at::Tensor>) {
      if (outputs.sizes() != target.sizes()) [[unlikely]]
        detail::refuse_shapes(outputs, target);
    }
    return loss_of(loss, outputs, target);
  } catch (const c10::Error& error) {
    if (is_out_of_memory(error) || is_device_error(error)) throw;
    const std::string what = detail::message_of(error), remedy = detail::target_remedy(target, what);
    std::throw_with_nested(DataError(format_message(
        "The loss cannot be computed from the model's output {} and the target {}: {} {}",
        {detail::shapes(outputs), detail::shapes(target), what,
         remedy.empty() ? "Use a last layer, a loss and targets that match (class labels start at 0)." : remedy})));
  }
}

/// Calls backward. **Errors** `DataError`, with LibTorch's error nested in it, for a loss in double of a model in
/// another dtype.
inline void backward_or_explain(const at::Tensor& loss) {
  try {
    loss.backward();
  } catch (const c10::Error& error) {
    const std::string what = detail::message_of(error);
    if (loss.scalar_type() != at::kDouble || what.find("Double") == std::string::npos) throw;
    std::throw_with_nested(
        DataError(format_message("The loss is Double, but the model is not: {} A Double target causes this. Convert "
                                 "the target with .to(torch::kFloat), or train in double with the policy hone::Fp64.",
                                 {what})));
  }
}

namespace detail {

/// Determines the type that a model returns for the inputs of a batch; `void` if it cannot be called with them.
template <class Model>
struct OutputsFor {
  template <class Target, class... Inputs>
  auto operator()(Target&, Inputs&... inputs) const {
    if constexpr (ForwardableWith<Model, Inputs&...>) {
      return std::type_identity<decltype(forward(std::declval<Model&>(), inputs...))>{};
    } else {
      return std::type_identity<void>{};
    }
  }
};

template <class Model, class Batch>
struct OutputsOf {
  using type = void;
};
template <class Model, InputsAndTarget Batch>
struct OutputsOf<Model, Batch>
    : decltype(std::apply(std::declval<OutputsFor<Model>>(), target_and_inputs(std::declval<Batch&>()))){};

}  // namespace detail

/// The result type of `batch_loss`. Not deduced from its body, so that an invalid batch causes one compile-time error.
template <class Model, class Batch>
using BatchOutputOf = BatchOutput<std::conditional_t<std::is_void_v<typename detail::OutputsOf<Model, Batch>::type>,
                                                     at::Tensor, typename detail::OutputsOf<Model, Batch>::type>>;

/// Computes forward and loss of a batch. `core/batch_members.hpp` defines which members are the inputs and the target.
template <class Model, class Loss, class Batch>
BatchOutputOf<Model, Batch> batch_loss(Model& model, Loss& loss, Batch& batch) {
  if constexpr (std::is_same_v<Loss, NoLoss>) {
    static_assert(sizeof(detail::trainer_without_loss<Batch>) > 0);
    return {};
  } else if constexpr (detail::HasUnclearParts<Batch>) {
    static_assert(sizeof(detail::batch_of_unclear_parts<Batch>) > 0);
    return {};
  } else if constexpr (!InputsAndTarget<Batch>) {
    static_assert(sizeof(detail::batch_without_target<Batch>) > 0);
    return {};
  } else if constexpr (std::is_void_v<typename detail::OutputsOf<Model, Batch>::type>) {
    static_assert(sizeof(detail::forward_with_other_arguments<Model, Batch>) > 0);
    return {};
  } else if constexpr (ComputesGradients<Model>) {
    const auto run = [&](auto& target, auto&... inputs) {
      auto [value, outputs] = unwrap(model).loss_and_outputs(target, inputs...);
      return BatchOutputOf<Model, Batch>{std::move(value), std::move(outputs), batch_size(batch)};
    };
    return std::apply(run, target_and_inputs(batch));
  } else {
    const auto run = [&](auto& target, auto&... inputs) {
      auto outputs = forward(model, inputs...);
      auto value = loss_or_explain(loss, outputs, target);
      return BatchOutput<decltype(outputs)>{std::move(value), std::move(outputs), batch_size(batch)};
    };
    return std::apply(run, target_and_inputs(batch));
  }
}

}  // namespace hone
