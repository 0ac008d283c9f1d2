// SPDX-License-Identifier: Apache-2.0
/// A replacement of CUDA graphs for tests on the CPU: records every operator below autograd with its tensors and
/// numbers, and replays them. Like a graph, it executes nothing while it records, does not update numbers and branches
/// of the host, and throws if a result is read on the host.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <utility>
#include <vector>

#include "hone/capture/graph_recorder.hpp"

namespace hone::testing {

class OpRecording {
 public:
  void replay() const {
    const c10::impl::ExcludeDispatchKeyGuard quiet(c10::DispatchKey::Fake);
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    for (const auto& call : calls_) {
      auto stack = call.arguments;
      call.op.callBoxed(&stack);
      for (const auto& result : stack) {
        if (result.isCustomClass()) result.toCustomClass<c10d::Work>()->wait();
      }
      for (std::size_t i = 0; i < stack.size(); ++i) renew(call, call.results[i], stack[i]);
    }
  }
  [[nodiscard]] std::size_t size() const { return calls_.size(); }

 private:
  friend class OpRecorder;
  struct Call {
    c10::OperatorHandle op;
    torch::jit::Stack arguments, results;
  };

  template <class F>
  static void for_each_tensor(const torch::jit::Stack& values, F&& f) {
    for (const auto& value : values) {
      if (value.isTensor() && value.toTensor().defined()) f(value.toTensor());
      if (value.isTensorList()) {
        for (const at::Tensor& tensor : value.toTensorList()) f(tensor);
      }
    }
  }
  /// Copies the new result into the recorded one, which later calls read.
  static void renew(const Call& call, const c10::IValue& old, const c10::IValue& now) {
    if (old.isTensorList()) {
      const auto olds = old.toTensorVector(), nows = now.toTensorVector();
      for (std::size_t i = 0; i < olds.size(); ++i) renew(call, olds[i], nows[i]);
    } else if (old.isTensor() && old.toTensor().defined()) {
      bool is_view = false;
      for_each_tensor(call.arguments,
                      [&](const at::Tensor& argument) { is_view = is_view || argument.is_alias_of(old.toTensor()); });
      if (!is_view) old.toTensor().copy_(now.toTensor());
    }
  }

  std::vector<Call> calls_;
};

class OpRecorder {
 public:
  using Recording = OpRecording;

  explicit OpRecorder(c10::Device) {}

  template <class Work>
  void eagerly(Work&& work) {
    work();
  }

  template <class Work>
  std::unique_ptr<Recording> record(Work&& work) {
    auto recording = std::make_unique<Recording>();
    const Tape tape(*recording);
    const c10::impl::IncludeDispatchKeyGuard loud(c10::DispatchKey::Fake);
    work();
    return recording;
  }
  static void replay(Recording& recording) { recording.replay(); }

  static void record_call(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
    constexpr auto kernels = c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, c10::DispatchKey::Fake);
    const std::string name = op.schema().name();
    if (name == "aten::_local_scalar_dense" || name == "aten::equal" || name == "aten::nonzero") {
      throw std::runtime_error(name + " reads a result on the host, which is not permitted while recording");
    }
    const std::size_t count = op.schema().arguments().size();
    OpRecording::Call call{op, {stack->end() - static_cast<std::ptrdiff_t>(count), stack->end()}, {}};
    const bool is_batch_norm =
        name == "aten::native_batch_norm";  // its schema does not declare that it writes the running statistics
    for (std::size_t i = 0; i < count; ++i) {
      const auto* alias = op.schema().arguments()[i].alias_info();
      const bool writes = alias != nullptr ? alias->isWrite() : is_batch_norm && (i == 3 || i == 4);
      if (writes) OpRecording::for_each_tensor({call.arguments[i]}, [](auto& tensor) { tape_->keep(tensor); });
    }
    {
      const c10::impl::ExcludeDispatchKeyGuard quiet(c10::DispatchKey::Fake);
      op.redispatchBoxed(keys & kernels, stack);
    }
    call.results = *stack;
    tape_->made(call);
    if (!name.starts_with("aten::empty")) tape_->recording.calls_.push_back(std::move(call));
  }

 private:
  /// Restores tensors that were written while recording, so that recording has no effect.
  struct Tape {
    explicit Tape(OpRecording& made_here) : recording(made_here) { tape_ = this; }
    Tape(const Tape&) = delete;
    Tape& operator=(const Tape&) = delete;
    ~Tape() {
      tape_ = nullptr;
      at::Generator(at::detail::getDefaultCPUGenerator()).set_state(generator);
      for (auto& [tensor, before] : written) tensor.data().copy_(before);
    }
    void keep(const at::Tensor& tensor) {
      for (const auto& [known, before] : written) {
        if (known.is_alias_of(tensor)) return;
      }
      for (const auto& own : made_tensors) {
        if (own.is_alias_of(tensor)) return;
      }
      written.emplace_back(tensor, tensor.data().clone());
    }
    void made(const OpRecording::Call& call) {
      OpRecording::for_each_tensor(call.results, [&](const at::Tensor& result) {
        bool is_new = true;
        OpRecording::for_each_tensor(
            call.arguments, [&](const at::Tensor& argument) { is_new = is_new && !argument.is_alias_of(result); });
        if (is_new) made_tensors.push_back(result);
      });
    }
    OpRecording& recording;
    at::Tensor generator = at::detail::getDefaultCPUGenerator().get_state();
    std::vector<std::pair<at::Tensor, at::Tensor>> written;
    std::vector<at::Tensor> made_tensors;
  };
  static inline thread_local Tape* tape_ = nullptr;
};
static_assert(GraphRecorder<OpRecorder>);

/// One registration per program.
inline const torch::Library op_recorder_library = [] {
  torch::Library library(torch::Library::IMPL, "_", c10::DispatchKey::Fake, __FILE__, __LINE__);
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&OpRecorder::record_call>());
  return library;
}();

}  // namespace hone::testing
