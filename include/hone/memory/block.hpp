// SPDX-License-Identifier: Apache-2.0
/// The common interface to a block of a model for `Recomputed` and `Offloaded`: a module, its holder, or a function.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "hone/core/unwrap.hpp"

namespace hone::detail {

/// A `torch::nn::Module`, or a handle to one.
template <class Block>
concept ModuleBlock = requires(UnwrapRef<Block>& module) {
  module.is_training();
  module.buffers();
  module.weak_from_this();
};

/// A deferred call of a module. It shares the ownership of a module that a `std::shared_ptr` owns; other modules must
/// outlive it. `own` selects `TheBlock::forward`, even if a derived class has another `forward`.
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

/// Returns a `ModuleCall` for a module, and a copy of a function, to call the block later.
template <class Block>
auto kept_block(Block& block) {
  if constexpr (ModuleBlock<std::remove_const_t<Block>>) {
    return ModuleCall<UnwrapRef<Block>>(unwrap(block));
  } else {
    return block;
  }
}

/// Returns whether a module is in evaluation mode; false for a function.
template <class Block>
bool is_evaluating(const Block& block) {
  if constexpr (requires { block.is_training(); }) {
    return !block.is_training();
  } else {
    return false;
  }
}

/// RAII: the destructor restores a module's buffers. It does not increment their version counters, so autograd does not
/// report a modification in place.
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

/// A module class whose `forward` calls `How::call`. A `forward` that is neither a template nor overloaded keeps its
/// signature, as `torch::nn::Sequential` requires.
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
using WrappedBlock = torch::nn::ModuleHolder<typename WrappedImpl<UnwrapRef<Block>, How>::type>;

}  // namespace hone::detail
