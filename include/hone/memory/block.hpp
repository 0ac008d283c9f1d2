// SPDX-License-Identifier: Apache-2.0
/// A part of a model as `Recomputed` and `Offloaded` see it: a module, its holder, or a function of tensors.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/pointee.hpp"

namespace hone::detail {

/// A `torch::nn::Module`, itself or behind a handle.
template <class Block>
concept ModuleBlock = requires(PointeeOf<Block>& module) {
  module.is_training();
  module.buffers();
  module.weak_from_this();
};

/// A module to be called later. It is kept alive where a shared pointer holds it. `own` calls the `forward` of
/// `TheBlock` itself, also where a class derived from it has another.
template <class TheBlock, bool own = false>
class ModuleCall {
 public:
  explicit ModuleCall(TheBlock& module) : module_(&module), owner_(module.weak_from_this().lock()) {}

  template <class... Inputs>
  auto operator()(Inputs&... inputs) const {
    if constexpr (own) {
      return module_->TheBlock::forward(inputs...);
    } else {
      return module_->forward(inputs...);
    }
  }
  [[nodiscard]] bool is_training() const { return module_->is_training(); }
  [[nodiscard]] std::vector<at::Tensor> buffers() const { return module_->buffers(); }

 private:
  TheBlock* module_;
  std::shared_ptr<const void> owner_;
};

/// What has to be kept of a block to call it later.
template <class Block>
auto kept_block(Block& block) {
  if constexpr (ModuleBlock<std::remove_const_t<Block>>) {
    return ModuleCall<PointeeOf<Block>>(pointee(block));
  } else {
    return block;
  }
}

/// A function has no mode, and trains.
template <class Block>
bool is_evaluating(const Block& block) {
  if constexpr (requires { block.is_training(); }) {
    return !block.is_training();
  } else {
    return false;
  }
}

/// Brings a module's buffers back when it goes. Autograd does not notice, and finds no tensor modified.
class BufferReplay {
 public:
  template <class Block>
  explicit BufferReplay(const Block& block) {
    if constexpr (requires { block.buffers(); }) {
      for (const auto& buffer : block.buffers()) {
        if (buffer.defined()) before_.emplace_back(buffer.variable_data(), buffer.detach().clone());
      }
    }
  }
  BufferReplay(const BufferReplay&) = delete;
  BufferReplay& operator=(const BufferReplay&) = delete;
  ~BufferReplay() {
    const at::NoGradGuard no_gradients;
    for (auto& [buffer, value] : before_) buffer.copy_(value);
  }

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> before_;
};

template <class Forward>
struct ForwardSignature;
template <class Class, class Result, class... Inputs>
struct ForwardSignature<Result (Class::*)(Inputs...)> {
  template <class Impl, class How>
  class Wrapped : public Impl {
   public:
    using Impl::Impl;
    Result forward(Inputs... inputs) { return How::call(ModuleCall<Impl, true>(*this), inputs...); }
  };
};
template <class Class, class Result, class... Inputs>
struct ForwardSignature<Result (Class::*)(Inputs...) const> : ForwardSignature<Result (Class::*)(Inputs...)> {};

/// A module class whose `forward` goes through `How::call`. Its signature stays, which `torch::nn::Sequential` asks
/// for.
template <class Impl, class How>
struct WrappedImpl {
  class type : public Impl {
   public:
    using Impl::Impl;
    template <class... Inputs>
    auto forward(Inputs&&... inputs) {
      return How::call(ModuleCall<Impl, true>(*this), inputs...);
    }
  };
};
template <class Impl, class How>
  requires requires { &Impl::forward; }
struct WrappedImpl<Impl, How> {
  using type = typename ForwardSignature<decltype(&Impl::forward)>::template Wrapped<Impl, How>;
};

template <class Block, class How>
using WrappedBlock = torch::nn::ModuleHolder<typename WrappedImpl<PointeeOf<Block>, How>::type>;

}  // namespace hone::detail
